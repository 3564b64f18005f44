"""The difference of two texts, word by word; plain values."""

import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from itertools import groupby
from typing import NamedTuple

# A word with the blanks before it; in scripts without blanks between words, each character.
WORD = re.compile(r"\s*(?:[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|\w+|[^\w\s])|\s+")
LINE = re.compile(r"[^\n]*\n|[^\n]+")
CONTEXT = 200  # characters of unchanged text that are shown before and after a change
# Words (or lines) of one text times those of the other. difflib's time grows faster than that
# product: it takes 20 ms for this, and minutes for two of the longest texts.
MAX_COMPARISONS = 160_000


class Part(NamedTuple):
    """`kind`: "same", "gone" or "new"."""

    kind: str
    text: str


class Change(NamedTuple):
    """A run of units that both texts have, or units that replace others."""

    same: list[str]
    gone: list[str]
    new: list[str]


def difference(before: str, after: str) -> list[Part]:
    """The parts of both in reading order.

    A long "same" is cut to what stands beside the changes, with "…" for the rest. Words that are
    frequent in long texts only count where others match around them (difflib's autojunk). Long
    texts are compared by lines first; what is still too much to compare is all gone and all new.
    """
    found = compared(WORD.findall(before), WORD.findall(after))
    parts = [
        Part(kind, "".join(part.text for part in group))
        for kind, group in groupby(found, lambda part: part.kind)
    ]
    last = len(parts) - 1
    if last < 1:
        return parts
    return [
        Part(part.kind, cut(part.text, number > 0, number < last)) if part.kind == "same" else part
        for number, part in enumerate(parts)
    ]


def compared(old: list[str], new: list[str]) -> Iterator[Part]:
    if len(old) * len(new) <= MAX_COMPARISONS:
        yield from parts_of(changes(old, new))
        return
    start = common(old, new)
    head, old, new = old[:start], old[start:], new[start:]
    end = common(old[::-1], new[::-1])
    tail, old, new = old[len(old) - end :], old[: len(old) - end], new[: len(new) - end]
    yield from parts_of([Change(head, [], [])])
    left = MAX_COMPARISONS
    for change in changes(LINE.findall("".join(old)), LINE.findall("".join(new))):
        gone, made = WORD.findall("".join(change.gone)), WORD.findall("".join(change.new))
        left -= len(gone) * len(made)
        inner = changes(gone, made) if left >= 0 else [Change([], gone, made)]
        yield from parts_of([Change(change.same, [], []), *inner])
    yield from parts_of([Change(tail, [], [])])


def changes(old: list[str], new: list[str]) -> list[Change]:
    """The changes from old to new; one change of everything if comparing would take too long."""
    if len(old) * len(new) > MAX_COMPARISONS:
        return [Change([], old, new)]
    return [
        Change(new[k:m], [], []) if verb == "equal" else Change([], old[i:j], new[k:m])
        for verb, i, j, k, m in SequenceMatcher(None, old, new).get_opcodes()
    ]


def common(old: list[str], new: list[str]) -> int:
    """The length of the common beginning."""
    pairs = enumerate(zip(old, new, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(old), len(new)))


def parts_of(found: list[Change]) -> Iterator[Part]:
    for change in found:
        for kind in ("same", "gone", "new"):
            if units := getattr(change, kind):
                yield Part(kind, "".join(units))


def cut(text: str, follows: bool, leads: bool) -> str:
    """The text without the part that is far from the change before or after it."""
    if len(text) <= CONTEXT * (follows + leads) + CONTEXT:
        return text
    return (text[:CONTEXT] if follows else "") + " … " + (text[-CONTEXT:] if leads else "")
