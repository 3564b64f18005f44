"""Template tags of the base page."""

from channels_realtime.close_codes import RANGES
from django import template
from django.conf import settings
from django.urls import reverse
from django.utils.html import format_html, json_script
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from proj.branding import Brand

register = template.Library()


@register.simple_tag
def close_codes() -> SafeString:
    """The close code ranges as [first, last, duty], for static/site/socket.js."""
    return json_script(RANGES, "close-codes")


@register.simple_tag
def brand() -> Brand:
    return settings.BRAND


@register.simple_tag
def examples() -> bool:
    """Whether the site has the console of /try/."""
    return settings.CONSOLE


@register.simple_tag
def accent_style(theme: str | None = None) -> SafeString:
    """A link to the site's accent colour; empty where the style sheets' own is used.

    `theme`: "light" or "dark" where the page has only that one. The address changes with the
    colour, so that caches may keep it. A <style> element would break the Content-Security-Policy.
    """
    light = settings.BRAND.light
    if light is None:
        return SafeString("")
    query = {"of": settings.ENVIRONMENT.ACCENT_COLOR} | ({"theme": theme} if theme else {})
    address = f"{reverse('accent')}?{urlencode(query)}"
    return format_html('<link rel="stylesheet" href="{}">', address)
