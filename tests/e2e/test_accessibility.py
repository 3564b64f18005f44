"""axe-core finds nothing to complain of on any page: phone and desktop, light and dark."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.e2e.browsing import PHONE

DESKTOP = {"viewport": {"width": 1280, "height": 900}}
POSTS = """
from django.conf import settings
settings.LINK_CARDS = False  # their cards are shown, but nothing is fetched for them
from liveblog.models import BlogUpdate, LiveBlog
blog = LiveBlog.objects.get(slug={blog!r})
blog.description, blog.chat = "From the undocking to the docking.", True
blog.summary = "\\n".join(f"- **{{n}}**, [see](https://example.org)" for n in range(9))
blog.save()
for text, options in [
    ("We are going to the Moon. [Why](https://example.org)", dict(headline="A new ocean")),
    ("> One small step\\n\\nNeil Armstrong *is* there.", dict(pinned=True, key_event=True)),
    ("It is **grey**.\\n\\n* dust\\n* rocks\\n\\n`1202`", dict(author="Ann")),
    ("- [ ] land\\n- [x] launch\\n\\n| a |\\n|--:|\\n| 1 |", dict(author="Ed")),
    ("https://www.youtube.com/watch?v=dQw4w9WgXcQ\\n\\nhttps://x.com/NASA/status/1", {{}}),
    ("Not yet.", dict(draft=True)),
]:
    row = BlogUpdate.objects.create(blog=blog, body=text, **options)
draft = row
draft.notes.create(writer="Ed", text="Who says so?", returned=True)
row = blog.updates.filter(draft=False).first()
row.body += " It is not cheese."
row.correction = "It is not cheese."
row.save()
print(row.pk, draft.pk)
"""
READERS = ("/", "/liveblog/{blog}/", "/liveblog/{blog}/{pk}/", "/liveblog/{blog}/nothing/")
READERS += ("/liveblog/{blog}/embed/", "/liveblog/{blog}/embed/{pk}/", "/liveblog/{blog}/?q=moon")
READERS += ("/alerts/?blog={blog}", "/alerts/leave/x/")
CONVERSATIONS = ("/chat/", "/chat/{blog}/", "/chat/{blog}/?embed", "/voice/{blog}/", "/try/")
ACCOUNTS = ("/accounts/login/", "/accounts/reset/", "/accounts/reset/sent/", "/invitations/x/")
DESK = "/liveblog/{blog}/edit/"
MEMBERS = (DESK, DESK + "?update={pk}", DESK + "{pk}/history/", DESK + "about/", "/ops/")
MEMBERS += ("/", "/liveblog/{blog}/{pk}/", "/accounts/password/", DESK + "team/", "/liveblogs/new/")
MEMBERS += (DESK + "summary/", DESK + "{draft}/review/")


@pytest.fixture
def addresses(stack, blog):
    """Fills in the blog's slug and one of its posts."""
    pk, draft = stack.shell(POSTS.format(blog=blog)).split()
    names = {"blog": blog, "pk": pk, "draft": draft}
    return lambda paths: [f"http://{stack.address}{path.format(**names)}" for path in paths]


def complaints(page, address):
    """What axe-core finds on the page, a line a rule and element, in light and in dark."""
    page.goto(address)
    found = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for rule in Axe().run(page).response["violations"]:
            for node in rule["nodes"]:
                found.append(f"{address} {scheme}: {rule['id']}: {node['html']}")
    return found


def check(page, wanted):
    found = [line for address in wanted for line in complaints(page, address)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("context_options", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_what_readers_see_is_accessible(page, addresses, errors):
    check(page, addresses((*READERS, *CONVERSATIONS, *ACCOUNTS)))
    errors.clear()  # that a page is not there


@pytest.mark.parametrize("context_options", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_what_editors_see_is_accessible(desk, addresses):
    check(desk, addresses(MEMBERS))
