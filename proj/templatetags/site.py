"""Template tags of the base page."""

from channels_realtime.close_codes import RANGES
from django import template
from django.utils.html import json_script
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag
def close_codes() -> SafeString:
    """The close code ranges as [first, last, duty], for static/site/socket.js."""
    return json_script(RANGES, "close-codes")
