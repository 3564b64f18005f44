"""Slugs for blogs from titles in any script."""

from anyascii import anyascii
from django.utils import timezone
from django.utils.text import slugify

from liveblog.models import LiveBlog

LONGEST_SLUG = 70  # characters of a title; the model's field has room for a number after them


def free_slug(title: str) -> str:
    """A slug that no blog has: the title in ASCII letters and digits, else today's date.

    Other scripts are transliterated one character at a time, as Unicode and ICU romanise them.
    """
    letters = "".join(anyascii(each) if each.isalnum() else each for each in title)
    base = slugify(letters)[:LONGEST_SLUG].strip("-_") or f"live-{timezone.now():%Y-%m-%d}"
    taken = set(LiveBlog.objects.filter(slug__startswith=base).values_list("slug", flat=True))
    numbered = (f"{base}-{number}" for number in range(2, len(taken) + 3))
    return next(slug for slug in (base, *numbered) if slug not in taken)
