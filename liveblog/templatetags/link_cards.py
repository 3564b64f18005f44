from collections.abc import Sequence
from typing import Any

from django import template

register = template.Library()


@register.inclusion_tag("liveblog/reader/_link_card_files.html")
def link_card_files(shown: Any) -> dict[str, object]:
    """Style and script of cards, where an update (its row or frame), or one of several, has one."""
    updates = shown if isinstance(shown, Sequence) else [shown]
    contents = (row["content"] if isinstance(row, dict) else row.content for row in updates)
    return {"has_cards": any('<div class="link-card' in content for content in contents)}
