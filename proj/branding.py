"""The look of the site by settings: its name, logo, accent colour and footer links."""

from typing import NamedTuple

from proj.environment import Environment

# The grounds that stand below text in the accent colour, from shared/liveblog.css and dark.css:
# of each scheme the one with the least contrast.
LIGHT_GROUND, DARK_GROUND = "#efece3", "#23282d"
DARK_INK, LIGHT_INK = "#0f1316", "#ffffff"
CONTRAST = 4.5  # WCAG 2.2, success criterion 1.4.3
STEPS = 64  # between the colour and black or white


class Link(NamedTuple):
    text: str
    address: str


class Accent(NamedTuple):
    """Colours as #rrggbb; `ink` is the colour of text on `ground`."""

    ground: str
    ink: str


class Brand(NamedTuple):
    """`name`: "" for the default. `light` and `dark`: None for the style sheets' own."""

    name: str
    logo: str
    links: tuple[Link, ...]
    light: Accent | None
    dark: Accent | None


def brand_of(environment: Environment) -> Brand:
    links = tuple(Link(*link) for link in environment.FOOTER_LINKS)
    colour = environment.ACCENT_COLOR
    light = readable(colour, LIGHT_GROUND) if colour else None
    dark = readable(colour, DARK_GROUND) if colour else None
    return Brand(environment.SITE_NAME, environment.SITE_LOGO, links, light, dark)


def readable(colour: str, ground: str) -> Accent:
    """The colour, mixed with as much black or white as it needs to be read on the ground."""
    towards = "#000000" if luminance(ground) > 0.5 else "#ffffff"
    mixed = (mix(colour, towards, step / STEPS) for step in range(STEPS + 1))
    found = next(each for each in mixed if contrast(each, ground) >= CONTRAST)
    ink = max((DARK_INK, LIGHT_INK), key=lambda ink: contrast(ink, found))
    return Accent(found, ink)


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2.2, from 1 to 21."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    """The relative luminance of WCAG 2.2, from 0 to 1."""
    red, green, blue = (linear(part / 255) for part in parts(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def parts(colour: str) -> tuple[int, int, int]:
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return red, green, blue


def mix(colour: str, other: str, share: float) -> str:
    """The colour with this share of the other one, from 0 to 1."""
    pairs = zip(parts(colour), parts(other), strict=True)
    return "#" + bytes(round(a + (b - a) * share) for a, b in pairs).hex()
