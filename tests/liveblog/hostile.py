"""Texts of 20,000 characters that cost a Markdown renderer, or what comes after it, too much."""

LENGTH = 20_000
HALF = LENGTH // 2

REPEATED = [
    # Addresses, which were found in quadratic time
    "://",
    "http://",
    "HTTP://",
    "https://a.b ",
    "https://a.b(",
    "http://a.b/((((",
    "www.",
    "www.a.b ",
    "a@",
    "a@b.c ",
    "a@b.cd ",
    "a.b@",
    "mailto:",
    "@",
    ":",
    "http",
    "xhttp://a ",
    "http://a.b/&a;",
    "https://a。",
    "http://a，",
    "http://a.b/)",
    "https://a.b/_*~",
    "https://a:b@",
    "w",
    "a_@b-",
    # Links, images, references
    "[",
    "]",
    "![",
    "[]",
    "[a](",
    "[a](<b",
    "![[]()",
    "[[]()",
    "[a][b]",
    "![a][",
    "](",
    '[a](b "',
    "[\\",
    "[a]: b\n",
    "[a]:b 'c\n",
    "[a]: ",
    "[a]: b\n'",
    "[]:\n",
    "[^a]",
    "[^a]: b\n",
    "[a](b)",
    "![](a)",
    '![a](https://b "c")\n\n',
    "![](/media/a.webp)",
    "[ (](",
    "[x]",
    "[a](javascript:x)",
    # Emphasis
    "*a_",
    "*a ",
    "**a",
    "_a",
    "a_",
    "*",
    "_",
    "**x* ",
    "*a**a ",
    "***",
    "_*_ ",
    "~~a",
    "~a~",
    "~~",
    "~",
    "*a_ [",
    "a***b** c* ",
    "**a**",
    "~~a~~",
    "*。",
    # Raw HTML
    "<",
    "<a",
    "<a ",
    "<!--",
    "<!--a",
    "a <!-- -",
    "<?",
    "<!A ",
    "<![CDATA[",
    '<a href="',
    "<a b='",
    "</a",
    "<a/",
    "<b>",
    "<b><i>",
    "<b>a</i>",
    "<p>",
    "<b><p>",
    "<b><p></b>",
    "<a href=b><p>",
    "<li>",
    "<ul><li>",
    "<table>",
    "<table><tr><td>",
    "<td>",
    "<em><table>x",
    "<svg>",
    "<math>",
    "<template>",
    "<select>",
    "<script>",
    "<style>",
    "<textarea>",
    "<plaintext>",
    "<pre>",
    "</p>",
    "</br>",
    "<br>",
    "<img src=a>",
    "<div>",
    "<span>",
    "<h1>",
    "<input>",
    "<b a=1>",
    "<b>\n",
    "<p>\n\n",
    "<x:",
    "<a:b>",
    "<http://a>",
    "<a@b.c>",
    "<hr>",
    '<a title="',
    '<b ="<',
    "<ol start=9>",
    # Code and entities
    "`",
    "``a",
    "`a",
    "\\`",
    "` `` ",
    "```\n",
    "```",
    "~~~\n",
    "    a\n",
    "````a\n",
    "&",
    "&#",
    "&amp;",
    "&#35;",
    "&quot;",
    "&nbsp;",
    "&a",
    "&CounterClockwiseContourIntegral;",
    '"',
    "\\",
    "\\*",
    "'",
    # Tables
    "|",
    "|a",
    "|a|\n",
    "|-",
    "|-|\n",
    "a|b\n-|-\n",
    "|a|\n|-|\n\n",
    "| |\n",
    "|a\n|-\n|",
    "a|b\n",
    # Quotes and lists
    ">",
    "> ",
    "> \n",
    ">a\n",
    ">\t",
    "> - ",
    "> 1. ",
    "- ",
    "-",
    "- a\n",
    "1. ",
    "1) a\n",
    "1.\n",
    "- -\n",
    "- [ ] ",
    "- [ ] a\n",
    "- [x]\n",
    "  - ",
    "-\t",
    "- \n  ",
    "> > a\n",
    # The rest
    "#",
    "# a\n",
    "a\n===\n",
    "a\n-\n",
    "-\n",
    "=\n",
    "---\n",
    "* *\n",
    "a\n",
    "a\\\n",
    "\n",
    "\r",
    "\t",
    " ",
    "\0",
    "\f",
    "\u2028",
    "中",
    "。",
    "\U0001f600",
    "e\u0301",
    "a",
    "\ufdd0",
    "\\\n",
]


def filled(unit: str, length: int = LENGTH) -> str:
    return (unit * (length // len(unit) + 1))[:length]


def nested(mark: str, after: str) -> str:
    """Quotes or lists in each other, then lines that each might belong to all of them."""
    return filled(mark, HALF) + "a" + filled(after, HALF - 1)


def table(columns: int, row: str) -> str:
    """One wide row, and as many short ones as there is room for."""
    head = "|" + "a|" * columns + "\n|" + "-|" * columns + "\n"
    return head + filled(row, LENGTH - len(head))


def tags(name: str, attribute: str, after: str) -> str:
    """Tags of which no two are alike, none closed; a parser repeats them in what follows."""
    opened = "".join(f"<{name} {attribute}={number}>" for number in range(1200))
    return ("a " + opened)[:HALF] + filled(after, HALF)


CORPUS = {repr(unit): filled(unit) for unit in REPEATED}
CORPUS |= {
    f"nested {mark!r}, {after!r}": nested(mark, after)
    for mark in ("- ", "1. ", ">", "> - ", "> ")
    for after in ("\n", "\n  ", "a\n", "\n> ")
}
CORPUS |= {
    f"{columns} columns, {row!r}": table(columns, row)
    for columns in (2, 5, 20, 50, 100, 300, 499, 700, 2000, 4900)
    for row in ("|\n", "a|\n", "||\n", "a\n")
}
CORPUS |= {
    f"open <{name} {attribute}>, {after!r}": tags(name, attribute, after)
    for name, attribute in (("b", "a"), ("b", "title"), ("i", "lang"), ("a", "href"))
    for after in ("<p>x", "<p></b>", "<td>x", "<table>x", "<li>x", "\n\na", "\n- a", "<p>x</p>")
}
CORPUS |= {
    "long attribute repeated": "a <a title='" + "t" * HALF + "'>" + filled("<p>x", HALF - 30),
    "reference": f"[a]: /{'u' * (HALF // 2)}\n\n" + filled("[a]", HALF),
    "reference's title": f"[a]: /u '{'t' * HALF}'\n\n" + filled("[a]", HALF - 30),
    "image reference": f"[a]: http://{'u' * (HALF // 2)}\n\n" + filled("![a]", HALF),
    "many references": "".join(f"[{number}]: u\n" for number in range(1800)),
    "long label": f"[{'a' * HALF}]: u\n\n[{'a' * (HALF - 10)}",
    "long labels": filled("[" + "a" * 998 + "]"),
    "brackets": "[" * HALF + "a" + "]" * (HALF - 1),
    "brackets and ends": "[" * HALF + "](a)" * (HALF // 4),
    "images in images": "![" * (HALF // 2) + "](a)" * (HALF // 4),
    "parentheses": "[a](" + "(" * HALF + ")" * (HALF - 10),
    "emphasis in emphasis": "*a **a " * (LENGTH // 14) + "b** b*" * (LENGTH // 14),
    "emphasis, opened": "_" * HALF + "a" + "_" * (HALF - 1),
    "backquotes, rising": " ".join("`" * length for length in range(1, 199)),
    "indented lists": "\n".join("  " * depth + "- a" for depth in range(138)),
    "quotes in lines": "\n".join([">" * 141] * 141),
    "address and parentheses": "http://a.b/" + "(" * HALF + ")" * (HALF - 20),
    "address and ends": "http://a.b/" + ")" * (LENGTH - 20),
    "address and entities": "http://a.b/" + filled("&amp;", LENGTH - 20),
    "host of dots": "http://" + filled("a.", LENGTH - 20),
    "e-mail, long": "a" * HALF + "@" + "b" * (HALF - 1),
    "e-mail, dots": "a@" + filled("b.", LENGTH - 2),
    "scheme, long": "a" * HALF + ":" * HALF,
    "attributes": "a <a " + filled("b=c ", LENGTH - 10),
    "attributes, all different": "a <b " + "".join(f"a{n}=1 " for n in range(2400)) + ">x",
    "tags, closed at the end": "a " + filled("<b>", HALF) + filled("</b>", HALF - 2),
    "tags, ends of others": "a " + filled("<span>", HALF) + filled("</i>", HALF - 2),
    "lists, not closed": "a " + filled("<ul><li>", HALF) + filled("</p>", HALF - 2),
    "table of one row": filled("a|", HALF) + "\n" + filled("-|", HALF - 1),
    "everything": filled(
        "**a** _b_ `c` [d](e) ~~h~~ <b>i</b> https://j.k &amp; \\*\n\n> l\n\n- [ ] m\n1. n\n\n"
        "|o|p|\n|-|-|\n|q|r|\n\n"
    ),
}
CORPUS = {name: text[:LENGTH] for name, text in CORPUS.items()}
FRAGMENTS = [unit for unit in REPEATED if len(unit) < 12]
FRAGMENTS += [f"</{name}>" for name in ("p", "b", "i", "table", "td", "ul", "blockquote")]
