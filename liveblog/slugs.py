"""Slugs for blogs whose title contains no letters that an address can contain."""

from django.utils import timezone
from django.utils.text import slugify

from liveblog.models import LiveBlog

LONGEST_SLUG = 70  # characters of a title; the model's field has room for a number after them


def free_slug(title: str) -> str:
    """A slug that no blog has: of the title's ASCII letters and digits, else of today's date."""
    base = slugify(title)[:LONGEST_SLUG].strip("-_") or f"live-{timezone.now():%Y-%m-%d}"
    taken = set(LiveBlog.objects.filter(slug__startswith=base).values_list("slug", flat=True))
    numbered = (f"{base}-{number}" for number in range(2, len(taken) + 3))
    return next(slug for slug in (base, *numbered) if slug not in taken)
