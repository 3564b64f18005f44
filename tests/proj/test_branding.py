"""The look of the site by settings: what readers see, and that it can be read."""

import re
from html import unescape

import pytest
from django.conf import settings as django_settings

from liveblog.models import LiveBlog
from proj.branding import DARK_GROUND, LIGHT_GROUND, brand_of, contrast, readable
from proj.environment import Environment

CSS = "liveblog/static/liveblog/shared"
BRAND = {
    "SITE_NAME": "The Daily <Example>",
    "ACCENT_COLOR": "#ffdd00",
    "FOOTER_LINKS": "Imprint=https://news.example/imprint?a=b, Mail us=mailto:desk@news.example",
}


@pytest.fixture
def branded(settings, client, db):
    settings.BRAND = brand_of(Environment(BRAND))
    LiveBlog.objects.create(slug="moon", title="To the Moon")
    return client


def test_the_name_and_the_links_are_on_every_page(branded):
    for path in ("/", "/liveblog/moon/", "/accounts/login/", "/nothing/"):
        page = branded.get(path).content.decode()
        assert "The Daily &lt;Example&gt;</a>" in page, path
        assert '<a href="https://news.example/imprint?a=b">Imprint</a>' in page
        assert '<a href="mailto:desk@news.example">Mail us</a>' in page
    page = branded.get("/").content.decode()
    assert "<title>The Daily &lt;Example&gt;</title>" in page and "Live blogs" not in page
    assert "Live blog from The Daily" in branded.get("/liveblog/moon/embed/").content.decode()


def test_a_logo_stands_in_place_of_the_name_and_is_named(settings, client, db):
    settings.BRAND = brand_of(Environment({"SITE_NAME": "Example", "SITE_LOGO": "/media/a.svg"}))
    page = client.get("/").content.decode()
    assert '<img class="brand-logo" src="/media/a.svg" alt="Example" height="28">' in page


def test_without_settings_the_style_sheets_decide(client, db):
    page = client.get("/").content.decode()
    assert "accent.css" not in page and "Live blogs</a>" in page
    assert client.get("/accent.css").status_code == 404


def test_the_accent_is_a_style_sheet_that_every_page_links_to(branded):
    brand = django_settings.BRAND
    for path, query in (("", ""), ("embed/?theme=dark", "&amp;theme=dark")):
        page = branded.get(f"/liveblog/moon/{path}").content.decode()
        (address,) = re.findall('href="(/accent.css[^"]*)"', page)
        assert address.endswith(query)
        response = branded.get(unescape(address))
        assert response["Content-Type"].startswith("text/css")
        sheet = response.content.decode()
        assert (f"--accent: {brand.light.ground};" in sheet) == (not query)
        assert f"--accent: {brand.dark.ground};" in sheet
        assert ("@media (prefers-color-scheme: dark)" in sheet) == (not query)


@pytest.mark.parametrize("ground", [LIGHT_GROUND, DARK_GROUND])
@pytest.mark.parametrize(
    "colour", ["#000000", "#ffffff", "#ffdd00", "#14507a", "#808080", "#ff0000", "#00ff7f"]
)
def test_every_accent_can_be_read_on_the_page_and_on_buttons(colour, ground):
    accent = readable(colour, ground)
    assert contrast(accent.ground, ground) >= 4.5
    assert contrast(accent.ink, accent.ground) >= 4.5


def test_a_colour_that_can_be_read_stays_as_it_is():
    assert readable("#14507a", LIGHT_GROUND).ground == "#14507a"


def test_the_grounds_are_those_of_the_style_sheets():
    for name, ground in (("liveblog.css", LIGHT_GROUND), ("dark.css", DARK_GROUND)):
        sheet = (django_settings.ROOT / CSS / name).read_text()
        assert f"--tint: {ground};" in sheet, name


def test_the_console_is_off_unless_it_is_turned_on(settings, client):
    settings.CONSOLE = False
    assert client.get("/try/").status_code == 404
    assert "/try/" not in client.get("/chat/").content.decode()
    settings.CONSOLE = True
    assert client.get("/try/").status_code == 200
    assert "/try/" in client.get("/chat/").content.decode()
