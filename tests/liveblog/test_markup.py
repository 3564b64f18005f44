"""Markdown comes out as HTML; nothing that acts survives."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liveblog.markup import render


def test_markdown_becomes_html():
    assert render("**Eagle**\nlanded") == "<p><strong>Eagle</strong><br>\nlanded</p>"


def test_an_address_becomes_a_link_that_gives_nothing_away():
    assert render("see https://example.org/a") == (
        '<p>see <a href="https://example.org/a" rel="noopener nofollow ugc">'
        "https://example.org/a</a></p>"
    )


HOSTILE = [
    "<script>alert(1)</script>",
    "<SCRIPT SRC=//evil.example/x.js></SCRIPT>",
    '<img src=x onerror="alert(1)">',
    "<svg/onload=alert(1)>",
    "[click](javascript:alert(1))",
    "[click](JaVaScRiPt:alert(1))",
    "[click](&#106;avascript:alert(1))",
    "![x](javascript:alert(1))",
    '<a href="jav&#x09;ascript:alert(1)">x</a>',
    "<iframe src=//evil.example></iframe>",
    "<style>@import '//evil.example'</style>",
    '<form action="//evil.example"><button>x</button></form>',
    '<p style="position:fixed">x</p>',
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    '<math><mtext></p><img src onerror="alert(1)">',
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_disarmed(text):
    html = render(text).lower()
    parsed = tags_and_attributes(html)
    assert not {"script", "style", "iframe", "form", "button", "svg", "math"} & parsed.tags
    assert not [name for name, _ in parsed.attributes if name.startswith("on") or name == "style"]
    assert not [
        v for _, v in parsed.attributes if v and v.strip().startswith(("javascript", "data"))
    ]


@given(st.lists(st.sampled_from([*HOSTILE, "*", "`", "> ", "\n", "<", "&", '"']), max_size=6))
def test_hostile_text_in_any_order_is_disarmed(parts):
    parsed = tags_and_attributes(render("".join(parts)).lower())
    assert not {"script", "style", "iframe", "form", "svg"} & parsed.tags
    assert not [name for name, _ in parsed.attributes if name.startswith("on")]


UPLOADED = f"/media/images/{'5' * 32}-1600x900.webp"
LAZY = 'loading="lazy" decoding="async"'


def test_an_uploaded_picture_holds_its_place_before_it_is_loaded():
    assert render(f"![The lander]({UPLOADED})") == (
        f'<p><img src="{UPLOADED}" alt="The lander" width="1600" height="900" {LAZY}></p>'
    )
    assert f'width="1600" height="900" {LAZY}' in render(f"text <img src='{UPLOADED}'>")


def test_a_tall_picture_is_told_from_others():
    tall, portrait = (UPLOADED.replace("1600x900", size) for size in ("800x1600", "1200x1600"))
    assert 'class="tall"' in render(f"![]({tall})")
    assert "class" not in render(f'![]({portrait})\n\n<p class="tall">x</p>')


def test_a_picture_from_elsewhere_is_shown_without_a_size():
    image = f'<img src="https://example.org/a.png" alt="" {LAZY}>'
    assert render("![](https://example.org/a.png)") == f"<p>{image}</p>"


def test_a_picture_with_a_title_is_a_figure_with_its_caption():
    assert render(f'![The "lander"]({UPLOADED} "Photo: <Jo> & Co")') == (
        f'<figure><img src="{UPLOADED}" alt="The &quot;lander&quot;" width="1600" height="900"'
        f" {LAZY}><figcaption>Photo: &lt;Jo&gt; &amp; Co</figcaption></figure>"
    )
    assert "<figure>" not in render(f'![a]({UPLOADED} "b") and text')


@pytest.mark.parametrize(
    "address",
    [
        "boat.jpg",
        "/accounts/logout/",
        "/media/../accounts/logout/",
        "/media/%2E./accounts/logout/",
        "/MEDIA/boat.jpg",
        "//example.org/boat.jpg",
        "mailto:jo@example.org",
        "data:image/png;base64,iVBORw0KGgo=",
        "#uploading-1",
    ],
)
def test_a_picture_from_anywhere_else_is_only_what_it_shows(address):
    for text in (f"![A <boat>]({address})", f"<img src='{address}' alt='A &lt;boat>'>"):
        html = render(text)
        assert "<img" not in html and "A &lt;boat&gt;" in html


def tags_and_attributes(html):
    from html.parser import HTMLParser

    class Parser(HTMLParser):
        def __init__(self):
            super().__init__()
            self.tags, self.attributes = set(), []

        def handle_starttag(self, tag, attributes):
            self.tags.add(tag)
            self.attributes += attributes

    parser = Parser()
    parser.feed(html)
    return parser
