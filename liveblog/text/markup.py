"""Markdown to safe HTML: comrak renders, liveblog/text/balancing.py bounds, nh3 sanitises.

GitHub's dialect: tables, task lists, ~~strikethrough~~; line breaks are kept. Images are loaded
lazily from http(s) addresses or this site's /media/; an uploaded image reserves its space, because
its address contains its size. One in a paragraph of its own with a title, `![alternative](address
"Caption | Credit")`, becomes a figure with that caption; the credit may be missing. Paragraphs of
pictures that follow each other become a gallery. Such pictures link to their files, which a script
enlarges in the page. The address of an uploaded video or audio file makes a player.

Rendering takes time linear in the text's length, and makes at most LARGEST bytes. A text that would
make more is shown as its source; forms refuse it before (see is_renderable).
"""

import logging
import re
from functools import lru_cache
from hashlib import sha256
from html import escape
from importlib.metadata import version
from itertools import groupby

import comrak
import nh3
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from liveblog.fields import LONGEST_BODY
from liveblog.pictures.storage import size_of
from liveblog.recordings.players import player, recording_of
from liveblog.text.balancing import ATTRIBUTES, BLOCKS, INLINE, VOID, TooMuchToRepeat, balanced
from liveblog.text.linking import protected, restored

logger = logging.getLogger(__name__)

LARGEST = 200_000  # bytes of HTML: ten times the longest text
MAX_ELEMENTS = 5_000  # of HTML; the time of sanitising grows with them
MAX_COLUMNS = 500  # of a table; comrak's time grows with their square
MAX_SOURCE_SHOWN = 20_000  # characters of a text that is shown as its source

# Identifies the renderer: increment the number when render() changes its output. A new version of
# either library counts as a change; the sanitiser's may be a security fix.
RENDERER = f"3 comrak {version('comrak')} nh3 {version('nh3')}"

TAGS = BLOCKS | INLINE | VOID | {"input", "label"}
SCHEMES = {"http", "https", "mailto"}
IMAGES = re.compile(r"(?i:https?://)|/media/(?!.*(?:\.|%2[Ee]){2})")  # how addresses begin
TALL = 1.4  # height by width; above it, a picture as wide as the text does not fit into a window

# nh3 escapes quotes and angle brackets within attributes, so these find all images.
IMAGE = re.compile(r"<img\b[^>]*>")
ATTRIBUTE = re.compile(r'\s(\w+)="([^"]*)"')
TITLE = re.compile(r'\stitle="[^"]*"')
# A paragraph of nothing but pictures, and those that follow it. Linear, as each part begins with
# another character. No group is possessive: before 3.11.5, Python skips what such a group has tried
# (https://github.com/python/cpython/issues/106052), and Debian 12 has 3.11.2.
PICTURES = r"<p>(?:<img\b[^<>]*>(?:<br>)?\s*)+</p>"
GALLERY = re.compile(rf"{PICTURES}(?:\s*{PICTURES})*")

LINE = re.compile(r"\r\n?|\n")  # CommonMark's line ends; splitlines() has more
# A line that may be a table's second, |---|:-:|, in whatever quotes and lists.
DELIMITERS = re.compile(r"[-|:>*+.) \t\v\f\d]*\Z")

extensions = comrak.ExtensionOptions()
extensions.table = extensions.tasklist = extensions.strikethrough = True
extensions.cjk_friendly_emphasis = True  # **重点。** ends where a Chinese sentence does
rendering = comrak.RenderOptions()
rendering.hardbreaks = rendering.unsafe_ = True  # keep line breaks; nh3 sanitises raw HTML
parsing = comrak.ParseOptions()


def render(text: str) -> str:
    """The Markdown as HTML without scripts, event handlers or foreign URL schemes."""
    html = rendered(text)
    return as_typed(text) if html is None else html


def is_renderable(text: str) -> bool:
    """Whether the text renders within the limits."""
    return rendered(text) is not None


def validate_rendering(text: str) -> None:
    """Raise ValidationError if the text's HTML would be too large."""
    if len(text) > LONGEST_BODY or is_renderable(text):
        return  # a text that is too long has its own message
    sentence = _(
        "Shorten the text or use less markup: it renders to more than %(kilobytes)d kB or"
        " %(elements)d elements of HTML."
    )
    limits = {"kilobytes": LARGEST // 1000, "elements": MAX_ELEMENTS}
    raise ValidationError(sentence, "too_large", limits)


def digest(text: str) -> str:
    """Identifies the text and the renderer: HTML stored with the same digest is up to date."""
    named = f"{RENDERER}\0{text}".encode(errors="surrogatepass")
    return sha256(named).hexdigest()[:32]


# A form's validation renders the text, and saving it a moment later does again. Bounded to 50 MB.
@lru_cache(maxsize=256)
def rendered(text: str) -> str | None:
    """The HTML, or None if it would exceed the limits."""
    # A stored text has no lone surrogate.
    text = text.encode(errors="replace").decode()
    if not tables_fit(text):
        return None
    try:
        html = restored(markdown(protected(text)))
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # Rust's, which no module exports
            raise
        logger.exception("The renderer failed at a text of %d characters", len(text))
        return None
    if len(html) > LARGEST or html.count("<") > 2 * MAX_ELEMENTS:
        return None
    try:
        html = balanced(html, LARGEST)
    except TooMuchToRepeat:
        return None
    html = with_images(sanitised(html).strip())
    return html if len(html.encode()) <= LARGEST else None


def tables_fit(text: str) -> bool:
    """Whether the text's tables, estimated from its lines, have no more cells than are allowed.

    The renderer pads short rows: with a wide first row the number of cells grows with the square
    of the text's length.
    """
    cells = columns = 0
    for line in LINE.split(text):
        if not line.strip(" \t"):
            columns = 0
        elif "|" in line and "-" in line and DELIMITERS.match(line):
            columns = max(columns, line.count("|") + 1)
        cells += columns
        if columns > MAX_COLUMNS or cells > MAX_ELEMENTS:
            return False
    return True


def markdown(text: str) -> str:
    return comrak.render_markdown(text, extensions, parsing, rendering)


def sanitised(html: str) -> str:
    return nh3.clean(
        html,
        tags=TAGS,
        attributes=ATTRIBUTES | {"input": {"checked", "disabled"}},
        tag_attribute_values={"input": {"type": {"checkbox"}}},
        attribute_filter=only_images,
        url_schemes=SCHEMES,
        link_rel="noopener nofollow ugc",
    )


def as_typed(text: str) -> str:
    cut = text if len(text) <= MAX_SOURCE_SHOWN else f"{text[:MAX_SOURCE_SHOWN]} …"
    return f"<pre>{escape(cut, quote=False)}</pre>"


def with_images(html: str) -> str:
    """Sanitised HTML with each image's size, and with figures, galleries and players."""
    html = IMAGE.sub(lambda found: placed(found[0]), html)
    html = GALLERY.sub(lambda found: arranged(IMAGE.findall(found[0])), html)
    return IMAGE.sub(lambda found: played(found[0]) or found[0], html)


def arranged(images: list[str]) -> str:
    """The pictures and recordings of paragraphs that contain nothing else, in their order."""
    groups = groupby(images, lambda image: bool(played(image)))
    return "".join(
        "".join(map(recorded, group)) if plays else pictured(list(group)) for plays, group in groups
    )


def pictured(images: list[str]) -> str:
    if len(images) > 1:
        # It scrolls sideways; not all browsers let the keyboard scroll without a tabindex.
        return f'<div class="gallery" tabindex="0">{"".join(map(figure, images))}</div>'
    (image,) = images
    return figure(image) if TITLE.search(image) else f"<p>{enlargeable(image)}</p>"


def figure(image: str) -> str:
    text = caption(dict(ATTRIBUTE.findall(image)).get("title", ""))
    return f"<figure>{enlargeable(TITLE.sub('', image))}{text}</figure>"


def recorded(image: str) -> str:
    """A video or audio file as a figure. Sound has nothing to look at: its title is above it."""
    attributes = dict(ATTRIBUTE.findall(image))
    title, is_sound = attributes.get("title", ""), played(image).startswith("<audio")
    if is_sound:
        return f"<figure>{caption(title or attributes.get('alt', ''))}{played(image)}</figure>"
    return f"<figure>{played(image)}{caption(title)}</figure>"


def caption(title: str) -> str:
    """The <figcaption> of "Caption | Credit", or ""."""
    before, bar, after = title.rpartition("|")
    words, credit = (before.strip(), after.strip()) if bar else (after, "")
    parts = [words] if words else []
    parts += [f"<small>{credit}</small>"] if credit else []
    return f"<figcaption>{' '.join(parts)}</figcaption>" if parts else ""


def played(image: str) -> str:
    """The player of an <img> that names an uploaded video or audio file; "" for any other."""
    attributes = dict(ATTRIBUTE.findall(image))
    recording = recording_of(attributes.get("src", ""))
    return player(recording, attributes.get("alt", "")) if recording else ""


def enlargeable(image: str) -> str:
    """The picture as a link to its file. Its alternative text is the name of the link."""
    attributes = dict(ATTRIBUTE.findall(image))
    if not attributes.get("alt"):
        return image
    return f'<a class="enlarge" href="{attributes["src"]}">{image}</a>'


def only_images(tag: str, name: str, value: str) -> str | None:
    """For nh3: drops addresses that images may not have."""
    allowed = (tag, name) != ("img", "src") or IMAGES.match(value)
    return value if allowed else None


def placed(image: str) -> str:
    """The <img> with its size and lazy loading; its alternative text if it has no address."""
    attributes = dict(ATTRIBUTE.findall(image))
    if "src" not in attributes:
        return attributes.get("alt", "")
    if recording_of(attributes["src"]):
        return image  # a player replaces it
    size = size_of(attributes["src"])
    added = f' width="{size.width}" height="{size.height}"' if size else ""
    if size and size.height > TALL * size.width:
        added += ' class="tall"'
    return f'{image[:-1]}{added} loading="lazy" decoding="async">'
