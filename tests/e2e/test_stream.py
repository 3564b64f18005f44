"""From a post to every open page, over real WebSockets, Redis, Daphne and workers."""

from contextlib import ExitStack

import pytest
from harness.waiting import wait_until
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.e2e.metrics import increase

CROWD = 20  # readers


def test_two_readers_get_the_post_made_from_the_shell(stack, blog):
    with stack.reader(blog) as one, stack.reader(blog) as two:
        assert one.frame()["type"] == two.frame()["type"] == "replay"
        done = stack.manage("post", blog, "Hello **world**", "--headline", "News", "--key-event")
        assert done.returncode == 0, done.stderr
        for reader in (one, two):
            frame = reader.frame()
            assert (frame["type"], frame["action"], frame["revision"]) == ("update", "created", 1)
            assert frame["content"] == "<p>Hello <strong>world</strong></p>"
            assert (frame["headline"], frame["key_event"]) == ("News", True)


def test_readers_who_come_together_share_a_replay_and_miss_nothing(stack, blog):
    stack.post(blog, "First")
    shared = increase(stack, "realtime_handshakes_shared_total")
    with ExitStack() as exits:
        # The visitors' cookies and languages differ; what they read does not.
        headers = [{"Cookie": f"visitor={n}", "Accept-Language": "de, en"} for n in range(CROWD)]
        readers = [exits.enter_context(stack.reader(blog, additional_headers=h)) for h in headers]
        for reader in readers:
            [update] = reader.frame()["updates"]
            assert update["content"] == "<p>First</p>"
        stack.post(blog, "Second")
        for reader in readers:
            assert reader.frame()["content"] == "<p>Second</p>"
        # The next pulse may have been counted before the last of them came.
        readers[-1].next(lambda frame: frame["type"] == "pulse" and frame["readers"] == CROWD)
        readers[-1].send({"after": 1})
        assert [u["content"] for u in readers[-1].frame()["updates"]] == ["<p>Second</p>"]
        # Each pulse ends a reply.
        most = CROWD - 5
        wait_until(lambda: shared() >= most, "their number in /metrics")


def test_edits_and_deletions_arrive(stack, blog):
    stack.post(blog, "First")
    with stack.reader(blog, after=1) as reader:
        assert reader.frame()["updates"] == []
        stack.shell(
            "from liveblog.models import BlogUpdate;"
            f"update = BlogUpdate.objects.get(blog__slug={blog!r});"
            "update.body = 'Second'; update.save(); update.delete()"
        )
        changed, deleted = reader.frame(), reader.frame()
    assert (changed["action"], changed["content"]) == ("changed", "<p>Second</p>")
    assert changed["edited"] is not None
    assert (deleted["action"], deleted["content"]) == ("deleted", "")


def test_a_reader_that_was_away_gets_what_it_missed(stack, blog):
    stack.post(blog, "Seen")
    with stack.reader(blog) as reader:
        seen = reader.frame()["revision"]
    stack.post(blog, "Missed")
    with stack.reader(blog, after=seen) as reader:
        replay = reader.frame()
    assert [u["content"] for u in replay["updates"]] == ["<p>Missed</p>"]


def test_a_reader_asks_over_the_socket_for_what_it_missed(stack, blog):
    stack.post(blog, "One")
    with stack.reader(blog, after=1) as reader:
        assert reader.frame()["updates"] == []
        reader.send({"after": 0})
        replay = reader.frame()
    assert (replay["type"], len(replay["updates"])) == ("replay", 1)


def test_a_new_title_reaches_the_readers(stack, blog):
    with stack.reader(blog) as reader:
        reader.frame()
        stack.shell(
            "from liveblog.models import LiveBlog;"
            f"b = LiveBlog.objects.get(slug={blog!r}); b.title = 'On the Moon'; b.save()"
        )
        frame = reader.frame()
    assert (frame["type"], frame["title"], frame["revision"]) == ("blog", "On the Moon", 1)


def test_the_end_of_the_coverage_closes_the_sockets_after_the_last_post(stack, blog):
    with stack.reader(blog) as reader:
        reader.frame()
        stack.shell(
            "from liveblog.models import BlogUpdate, LiveBlog;"
            f"blog = LiveBlog.objects.get(slug={blog!r});"
            "BlogUpdate.objects.create(blog=blog, body='The last words');"
            "blog.state = 'ended'; blog.save()"
        )
        assert reader.frame()["content"] == "<p>The last words</p>"
        assert reader.frame()["state"] == "ended"
        assert reader.frame() == {"type": "ended", "revision": 2}
        assert close_code(reader) == 4410
    with stack.reader(blog, after=1) as late:
        replay = late.frame()
        assert (replay["type"], replay["state"], replay["revision"]) == ("replay", "ended", 2)
        assert close_code(late) == 4410


def close_code(reader):
    """Waits for the end of the socket."""
    with pytest.raises(ConnectionClosed) as closed:
        reader.frame()
    return closed.value.rcvd.code


def test_an_unknown_blog_is_refused_with_a_sentence_and_4404(stack):
    with stack.reader("nothing-here") as reader:
        frame = reader.frame()
        assert close_code(reader) == 4404
    assert frame["type"] == "error" and frame["message"].endswith(".")


def test_an_unknown_path_is_refused_with_a_sentence_and_4404(stack):
    from tests.e2e.stack import Reader

    with Reader(f"ws://{stack.address}/channel/nothing/") as reader:
        assert reader.frame()["type"] == "error"
        assert close_code(reader) == 4404


@pytest.mark.parametrize(
    "origin",
    [
        *("https://evil.example", "null", "http://localhost.evil.example"),
        "http://127.0.0.1:1",  # another service of this host
        "ftp://127.0.0.1",
    ],
)
def test_a_foreign_origin_is_refused_at_the_handshake(stack, blog, origin):
    with pytest.raises(InvalidStatus) as refusal:
        stack.reader(blog, origin=origin)
    assert refusal.value.response.status_code == 403


def test_our_own_origin_is_welcome(stack, blog):
    with stack.reader(blog, origin=f"http://{stack.address}") as reader:
        assert reader.frame()["type"] == "replay"


@pytest.mark.parametrize(
    "text",
    [
        *("{", "[]", "null", '"x"', "[" * 5000, b"\x00\xff"),
        *('{"before": 1}', '{"after": -1}', '{"after": "x"}', '{"after": true}'),
        *('{"after": 1.5}', '{"after": null}', '{"after": 1e999}'),
    ],
)
def test_a_malformed_message_gets_a_sentence_and_the_socket_stays(stack, blog, text):
    with stack.reader(blog) as reader:
        reader.frame()
        reader.send(text)
        assert reader.frame()["type"] == "error"
        reader.send({"after": 0})
        assert reader.frame()["type"] == "replay"


def test_a_malformed_revision_in_the_address_gets_a_sentence_and_a_full_replay(stack, blog):
    stack.post(blog, "One")
    with stack.reader(blog, after="x") as reader:
        assert reader.frame()["type"] == "error"
        assert len(reader.frame()["updates"]) == 1
