"""Rendered HTML with every tag closed, so that the parser of the sanitiser works in linear time.

An HTML parser repairs tags that are not closed or overlap. It may repeat open tags in each block
that follows, so that 20 kB become 20 MB, and it walks up all open tags for each new one. This
module keeps only tags and attributes that posts may have, closes every tag, and limits nesting. It
does not sanitise: liveblog/text/markup.py does that with the result.
"""

import re
from html import escape
from typing import NamedTuple

from liveblog.text.linking import linked

DEEPEST = 200  # levels of nesting; browsers give up at 512

# fmt: off
BLOCKS = {
    "blockquote", "h3", "h4", "h5", "h6", "li", "ol", "p", "pre", "table", "tbody", "td", "th",
    "thead", "tr", "ul",
}
INLINE = {"a", "abbr", "b", "code", "del", "em", "i", "s", "strong", "sub", "sup"}
# fmt: on
VOID = {"br", "hr", "img"}
DROPPED = {"script", "style"}  # with their content
KEPT = BLOCKS | INLINE | VOID | DROPPED
# A parser opens these again in each block that follows, unless they were closed.
REOPENED = {"a", "b", "code", "em", "i", "s", "strong"}
VERBATIM = {"a", "code", "pre"}  # no address in these becomes a link
ATTRIBUTES = {
    "a": {"href"},
    "img": {"src", "alt"},
    "ol": {"start"},
    "td": {"align"},
    "th": {"align"},
    "*": {"lang", "title"},  # of every tag
}
# The renderer's boxes of a task list, "- [ ]" and "- [x]", and how they are written here.
CHECKBOXES = {
    f'<input type="checkbox" {state}disabled="" />': f'<input type="checkbox" {state}disabled="">'
    for state in ("", 'checked="" ')
}

# Each alternative consumes what it has searched: no part of the text is searched twice.
TAG = re.compile(
    r"(<!--.*?(?:-->|\Z)|<[!?][^>]*+>?"
    r"""|</?[a-zA-Z](?:[^>=]++|=\s*+(?:"[^"]*+(?:"|\Z)|'[^']*+(?:'|\Z))?)*+(?:>|\Z)|<)""",
    re.DOTALL,
)
NAME = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)")
ATTRIBUTE = re.compile(r"""\s([^\s"'<>/=]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'=<>`]+))""")
TOP_HEADING = re.compile("<h[12][ />]", re.IGNORECASE)


class Tag(NamedTuple):
    """`name`: "" if the tag is not kept; `text`: the output for an opening tag."""

    name: str
    closes: bool
    text: str


class TooMuchToRepeat(Exception):
    """A parser would repeat so many tags that the result exceeds the caller's limit."""


def balanced(html: str, limit: int) -> str:
    """The HTML with every tag closed, and the addresses in its text as links.

    Where there is an h1 or h2, all headings are two levels deeper: the page has its own.
    Raises TooMuchToRepeat if a parser's result would have more than `limit` characters.
    """
    return Balancing(html, limit).run()


class Balancing:
    """One pass over the HTML. `open`: the tags that are open, outermost first."""

    def __init__(self, html: str, limit: int) -> None:
        self.parts: list[str] = TAG.split(html)  # text, tag, text, …, text
        self.size, self.limit = len(html), limit
        self.deeper = 2 if TOP_HEADING.search(html) else 0
        self.open: list[Tag] = []
        self.count = dict.fromkeys(BLOCKS | INLINE | {"label"}, 0)  # how often each is open
        self.verbatim = 0  # how many of VERBATIM are open
        self.reopened = 0  # characters that a parser repeats in the next block
        self.checkbox = ""  # a checkbox whose text has not come yet
        self.written: list[str] = []

    def run(self) -> str:
        tags: dict[str, Tag] = {}
        dropping = ""
        for place in range(1, len(self.parts), 2):
            source = self.parts[place]
            tag = tags.get(source)
            if tag is None:
                tag = tags[source] = self.read(source)
            if dropping:
                dropping = "" if tag.closes and tag.name == dropping else dropping
                continue
            text = self.parts[place - 1]
            if self.checkbox:
                if tag.name == "p" and not tag.closes and text.isspace():
                    self.begin(tag)  # if items are paragraphs, the box belongs into the first
                    self.write_checkbox()
                    self.write_text(" ")
                    continue
                self.write_checkbox()
            self.write_text(text)
            if source in CHECKBOXES:
                self.checkbox = CHECKBOXES[source]
            elif tag.name in DROPPED:
                dropping = "" if tag.closes else tag.name
            elif tag.name not in self.count:
                self.write_alone(tag)
            elif tag.closes:
                self.close(tag.name)
            else:
                self.begin(tag)
        if self.checkbox:
            self.write_checkbox()
        if not dropping:
            self.write_text(self.parts[-1])
        while self.open:
            self.end()
        return "".join(self.written)

    def read(self, source: str) -> Tag:
        found = NAME.match(source)
        if not found:
            return Tag("", False, "&lt;" if source == "<" else "")
        if not source.endswith(">"):
            return Tag("", False, escape(source))
        name = found[2].lower()
        if len(name) == 2 and name[0] == "h" and name[1] in "123456":
            name = f"h{min(6, int(name[1]) + self.deeper)}"
        if name not in KEPT:
            return Tag("", False, "")
        allowed = ATTRIBUTES["*"] | ATTRIBUTES.get(name, set())
        values: dict[str, str] = {}
        for attribute, *value in ATTRIBUTE.findall(source):
            if attribute.lower() in allowed:
                values.setdefault(attribute.lower(), "".join(value).replace('"', "&quot;"))
        attributes = "".join(f' {key}="{value}"' for key, value in values.items())
        return Tag(name, bool(found[1]), f"<{name}{attributes}>")

    def begin(self, tag: Tag) -> None:
        name = tag.name
        if name in BLOCKS:
            self.begin_block()
        elif name in REOPENED:
            self.reopened += len(tag.text)
        if name in VERBATIM:
            self.verbatim += 1
        if len(self.open) < DEEPEST:
            self.written.append(tag.text)
        self.open.append(tag)
        self.count[name] += 1

    def begin_block(self) -> None:
        """Close what ends where a block begins, and count what a parser would repeat in it."""
        if self.count["p"]:
            self.close("p")
        if self.count["label"]:
            self.close("label")
        self.size += self.reopened
        if self.size > self.limit:
            raise TooMuchToRepeat

    def end(self) -> str:
        """Close the innermost tag; returns its name."""
        name, _, text = self.open.pop()
        self.count[name] -= 1
        if name in REOPENED:
            self.reopened -= len(text)
        if name in VERBATIM:
            self.verbatim -= 1
        if len(self.open) < DEEPEST:
            self.written.append(f"</{name}>")
        return name

    def close(self, name: str) -> None:
        """Close the innermost open tag of that name, if any, and the tags within it."""
        if self.count[name]:
            while self.end() != name:
                pass

    def write_alone(self, tag: Tag) -> None:
        """Write a void element (<br>, <hr>, <img>), or the text of a tag that is not kept."""
        if tag.name == "hr":
            self.begin_block()
        if not tag.closes:
            self.written.append(tag.text)

    def write_checkbox(self) -> None:
        """Write the checkbox, in a label that also contains the item's first text."""
        if not self.count["label"]:
            self.begin(Tag("label", False, "<label>"))
        self.written.append(self.checkbox)
        self.checkbox = ""

    def write_text(self, text: str) -> None:
        self.written.append(text if self.verbatim else linked(text))
