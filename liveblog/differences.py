"""What a text has that the one before had not, word by word; plain values."""

import re
from difflib import SequenceMatcher

# A word with the blanks before it; of scripts that write none between words, each character.
WORD = re.compile(r"\s*(?:[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|\w+|[^\w\s])|\s+")
AROUND = 200  # characters that are shown beside a change; what is longer is cut in its middle


def difference(before: str, after: str) -> list[tuple[str, str]]:
    """The parts of both in reading order, each with "same", "gone" or "new".

    A long "same" is cut to what stands beside the changes, with "…" for the rest. Words that are
    frequent in long texts only count where others match around them (difflib's autojunk): without
    that, the time would grow with the square of the length.
    """
    old, new = WORD.findall(before), WORD.findall(after)
    parts = []
    for verb, i, j, k, m in SequenceMatcher(None, old, new).get_opcodes():
        if verb == "equal":
            parts.append(("same", "".join(new[k:m])))
            continue
        if j > i:
            parts.append(("gone", "".join(old[i:j])))
        if m > k:
            parts.append(("new", "".join(new[k:m])))
    if len(parts) == 1:
        return parts
    last = len(parts) - 1
    return [
        (kind, cut(text, number > 0, number < last) if kind == "same" else text)
        for number, (kind, text) in enumerate(parts)
    ]


def cut(text, follows, leads):
    """The text without what is far from the change that it follows, or leads to."""
    if len(text) <= AROUND * (follows + leads) + AROUND:
        return text
    return (text[:AROUND] if follows else "") + " … " + (text[-AROUND:] if leads else "")
