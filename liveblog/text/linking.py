"""Plain addresses in a post: http(s):// and www. addresses and e-mail addresses become links.

The Markdown renderer could do this, but it includes Chinese punctuation in addresses, ignores hosts
without a dot, and takes quadratic time for an address of parentheses.
"""

import re

from django.utils.encoding import iri_to_uri

# A sentence in Chinese, or in quotation marks, goes on after an address without a space.
STOPS = "，。、；：！？（）「」『』【】《》〈〉“”‘’…—"
TRAILING = "?!.,:;*_~'"  # belongs to the sentence
PAIRS = {")": "(", "]": "["}

NAME = r"(?:[\w.~%+-]++(?::[\w.~%+-]*+)?@)?"  # "jo@" or "jo:password@"
HOST = r"[\w-]+(?:\.[\w-]+)*(?::\d{1,5})?"
PATH = rf"(?:[/?#](?:[^\s<>&{STOPS}]|&amp;)*)?"
# Each begins where no earlier character could belong to it, so no run of text is searched twice.
ADDRESS = re.compile(
    r"(?P<host>(?:(?<![a-z0-9.+-])https?://|(?<![\w/@.:-])(?P<www>www\.)(?=[\w-]+\.))"
    rf"{NAME}{HOST})(?P<path>{PATH})"
    r"|(?<![\w.+/:@-])(?:mailto:)?"
    r"(?P<mail>[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)*\.[^\W\d_]{2,})(?![\w@-])",
    re.IGNORECASE,
)

IN_SOURCE = re.compile(rf"(?<!\]\()(?:https?://|www\.)[^\s<>\[\]\"{STOPS}]+", re.IGNORECASE)
MARKS = re.compile(r"(?<!\\)[*_~]")
LONE_TILDE = re.compile(r"(?<![~\\])~(?!~)")

# Unicode's noncharacters, which mean nothing between programs, stand for these in the source.
STAND_INS = {"*": "\ufdd0", "_": "\ufdd1", "~": "\ufdd2"}
ANY_STAND_IN = re.compile("[\ufdd0-\ufdd2]|%EF%B7%9([0-2])")
MEANT = {stand_in: mark for mark, stand_in in STAND_INS.items()}


def protected(source: str) -> str:
    """The Markdown with stand-ins for marks that are literal.

    These are the marks within an address, `https://example.org/__init__`, and a single tilde:
    "100~200 or 300~400" strikes nothing out.
    """
    source = re.sub("[\ufdd0-\ufdd2]", "", source)
    source = IN_SOURCE.sub(lambda found: protected_address(found[0]), source)
    return LONE_TILDE.sub(STAND_INS["~"], source)


def protected_address(run: str) -> str:
    address = run.rstrip(TRAILING + ")")
    rest = run[len(address) :]
    return MARKS.sub(lambda found: STAND_INS[found[0]], address) + rest


def restored(html: str) -> str:
    """The rendered HTML with the marks that protected() replaced."""
    return ANY_STAND_IN.sub(
        lambda found: "*_~"[int(found[1])] if found[1] else MEANT[found[0]], html
    )


def linked(text: str) -> str:
    """The text of an HTML element, in which `&`, `<` and `"` are escaped, with links."""
    if "." not in text and ":" not in text:
        return text
    return ADDRESS.sub(link, text)


def link(found: re.Match[str]) -> str:
    if found["mail"]:
        return f'<a href="mailto:{found["mail"]}">{found[0]}</a>'
    address = trimmed(found[0])
    end = len(found["host"])
    host, path = address[:end], address[end:]
    scheme = "http://" if found["www"] else ""
    rest = found[0][len(address) :]
    return f'<a href="{scheme}{host}{iri_to_uri(path)}">{address}</a>{rest}'


def trimmed(address: str) -> str:
    """The address without the punctuation of the sentence around it."""
    unpaired = {end: address.count(end) - address.count(start) for end, start in PAIRS.items()}
    end = len(address)
    while end:
        last = address[end - 1]
        if address.endswith("&amp;", 0, end):
            end -= len("&amp;")
        elif last in TRAILING:
            end -= 1
        elif unpaired.get(last, 0) > 0:
            unpaired[last] -= 1
            end -= 1
        else:
            break
    return address[:end]
