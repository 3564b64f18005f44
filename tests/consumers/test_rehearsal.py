"""Row 55: the first worker of a release shows that it can serve, and changes nothing."""

import pytest

from consumers import liveblog
from consumers.rehearsal import rehearse
from liveblog.models import BlogUpdate, LiveBlog
from liveblog.text import markup

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(params=[[], ["a token of the tests"]], ids=["model", "api"])
def tokens(request, settings):
    settings.API_TOKENS = request.param


def test_row_55_working_code_leaves_nothing_behind(tokens):
    assert rehearse() == ""
    assert LiveBlog.objects.count() == BlogUpdate.objects.count() == 0


def fail(*_, **__):
    raise RuntimeError("of the new code")


@pytest.mark.parametrize(
    ("place", "name", "step"),
    [
        (liveblog, "reply_replay", "a handshake with replay"),
        (markup, "render", "a write"),
    ],
)
def test_row_55_a_step_that_fails_is_named(monkeypatch, place, name, step):
    monkeypatch.setattr(place, name, fail)
    assert rehearse() == f"{step} failed in the rehearsal: RuntimeError('of the new code')"
    assert LiveBlog.objects.count() == 0


def test_row_55_a_page_that_fails_is_named(settings):
    settings.TEMPLATES = []
    assert rehearse().startswith("a page failed in the rehearsal: TemplateDoesNotExist")


def test_row_55_a_socket_that_is_not_accepted_is_noticed(monkeypatch):
    monkeypatch.setattr(liveblog, "reply_replay", lambda *_, **__: None)
    assert "the socket was not accepted with a replay" in rehearse()
