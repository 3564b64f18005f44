"""The commands of the shell: `post` and `replay`."""

import io
import os
import signal
import sys

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

from liveblog.demo.steps import load
from liveblog.editing import idempotency
from liveblog.management.commands import replay
from liveblog.models import BlogUpdate, LiveBlog

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def blog():
    return LiveBlog.objects.create(slug="demo", title="Demo")


def run(*args, out=None, **options):
    """What the command prints."""
    out = out or io.StringIO()
    call_command(*args, stdout=out, **options)
    return out.getvalue()


def refused(*args, **options):
    """The one sentence with which the command refuses."""
    with pytest.raises(CommandError) as refusal:
        run(*args, **options)
    sentence = str(refusal.value)
    assert "\n" not in sentence
    assert refusal.value.returncode == 1
    return sentence


# post


def test_post_publishes_an_update_and_prints_its_id_and_revision(blog):
    printed = run("post", "demo", "**Hello**")
    update = blog.updates.get()
    assert printed == f"Posted to demo: id {update.pk}, revision {update.revision}\n"
    assert (update.body, update.headline, update.author) == ("**Hello**", "", "")
    assert not update.pinned
    assert not update.key_event


def test_post_takes_headline_author_and_flags(blog):
    flags = ("--headline", "Now", "--author", "Ines Calder", "--key-event", "--pinned")
    run("post", "demo", "Hello", *flags)
    update = blog.updates.get()
    assert (update.headline, update.author) == ("Now", "Ines Calder")
    assert update.pinned
    assert update.key_event


def test_post_reads_standard_input(blog, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("First line\n\nLast line\n"))
    run("post", "demo", "-")
    assert blog.updates.get().body == "First line\n\nLast line"


def test_post_takes_a_text_of_the_greatest_length_from_either_place(blog, monkeypatch):
    longest = "x" * 20_000
    monkeypatch.setattr(sys, "stdin", io.StringIO(longest + "\n"))
    run("post", "demo", longest)
    run("post", "demo", "-")
    assert [update.body for update in blog.updates.all()] == [longest, longest]


def test_post_with_the_same_key_posts_once_and_prints_the_same(blog):
    printed = [run("post", "demo", "Hello", "--key", "nightly") for _ in range(2)]
    assert printed[0] == printed[1]
    assert blog.updates.count() == 1
    run("post", "demo", "Hello")
    run("post", "demo", "Hello")
    assert blog.updates.count() == 3


@pytest.mark.parametrize("key", ["", " ", "two words", "x" * 65, "a\0b"])
def test_post_refuses_a_key_that_is_none(blog, key):
    assert refused("post", "demo", "Hello", "--key", key).startswith(
        f"Not posted: --key {key!r} cannot be a key: "
    )
    assert not blog.updates.exists()


@pytest.mark.parametrize("lost", ["before", "after"])
def test_post_tries_again_with_the_same_key_when_the_connection_was_lost(blog, monkeypatch, lost):
    def lose_the_first(blog, key, **fields):
        keys.append(key)
        if lost == "before" and len(keys) == 1:
            raise OperationalError("server closed the connection unexpectedly")
        done = create(blog, key, **fields)
        if len(keys) == 1:  # it was committed, but nobody heard of it
            raise OperationalError("server closed the connection unexpectedly")
        return done

    keys, create = [], idempotency.create
    monkeypatch.setattr(idempotency, "create", lose_the_first)
    monkeypatch.setattr(connection, "is_usable", lambda: False)
    monkeypatch.setattr("liveblog.management.commands.post.RETRY_DELAY", 0)
    assert "revision 1" in run("post", "demo", "Hello")
    assert len(keys) == 2 and keys[0] == keys[1]
    assert blog.updates.count() == 1


def test_post_does_not_try_again_where_the_connection_stands(blog, monkeypatch):
    def locked(*args, **fields):
        tries.append(args)
        raise OperationalError("database is locked")

    tries = []
    monkeypatch.setattr(idempotency, "create", locked)
    sentence = "The database did not take the update: database is locked."
    assert refused("post", "demo", "Hello") == sentence
    assert len(tries) == 1


def test_post_names_the_blogs_that_there_are_when_the_slug_is_unknown(blog):
    LiveBlog.objects.create(slug="another", title="Another")
    assert refused("post", "dmeo", "Hello") == (
        "There is no live blog 'dmeo'; there are: another, demo."
    )
    assert not BlogUpdate.objects.exists()


def test_post_names_at_most_twenty_blogs():
    for number in range(21):
        LiveBlog.objects.create(slug=f"blog-{number:02}", title="One of many")
    sentence = refused("post", "demo", "Hello")
    assert sentence.endswith("blog-18, blog-19, and more.")


def test_post_says_so_when_there_is_no_blog():
    assert refused("post", "demo", "Hello") == "There is no live blog 'demo', and no other either."


@pytest.mark.parametrize(
    ("text", "options", "sentence"),
    [
        ("", (), "Not posted: the text is empty."),
        (" \n ", (), "Not posted: the text is empty."),
        pytest.param(
            "x" * 20_001, (), "Not posted: the text has more than 20000 characters.", id="long"
        ),
        ("a\0b", (), "Not posted: the body holds a NUL or bytes that are not UTF-8."),
        ("a\udcffb", (), "Not posted: the body holds a NUL or bytes that are not UTF-8."),
        (
            "Hello",
            ("--author", "a\udcffb"),
            "Not posted: the author holds a NUL or bytes that are not UTF-8.",
        ),
        pytest.param(
            "Hello",
            ("--headline", "x" * 201),
            "Not posted: headline: Ensure this value has at most 200 characters (it has 201).",
            id="long-headline",
        ),
    ],
)
def test_post_refuses_what_cannot_be_stored_and_changes_nothing(blog, text, options, sentence):
    assert refused("post", "demo", text, *options) == sentence
    assert not BlogUpdate.objects.exists()
    blog.refresh_from_db()
    assert blog.revision == 0


@pytest.mark.parametrize("extra", ["x", "\n\nmore", "x" * 50_000], ids=["one", "line", "all"])
def test_post_does_not_cut_a_long_standard_input(blog, monkeypatch, extra):
    monkeypatch.setattr(sys, "stdin", io.StringIO("x" * 20_000 + extra))
    assert refused("post", "demo", "-") == "Not posted: the text has more than 20000 characters."
    assert not BlogUpdate.objects.exists()


def test_post_refuses_bytes_that_are_not_text(blog, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xff"), encoding="utf-8"))
    assert refused("post", "demo", "-").startswith("Not posted: standard input is not text")


# replay


def text_that_stands():
    """Headline and body of every update that the file leaves, in order of creation."""
    standing = {}
    for step in load():
        if step.action == "delete":
            del standing[step.key]
        else:
            standing[step.key] = {"headline": ""} | standing.get(step.key, {}) | step.fields
    return [(fields["headline"], fields["body"]) for fields in standing.values()]


def visible(slug):
    return list(BlogUpdate.objects.filter(blog__slug=slug, deleted=False).order_by("id"))


def test_replay_at_full_speed_leaves_what_the_file_implies():
    printed = run("replay", "moon", "--speed", "0")
    updates = visible("moon")
    assert [(update.headline, update.body) for update in updates] == text_that_stands()
    assert BlogUpdate.objects.filter(deleted=True).count() == 1
    assert not any(update.pinned for update in updates)
    edited = {step.key for step in load() if step.action == "change" and "body" in step.fields}
    assert sum(update.edited is not None for update in updates) == len(edited)
    assert LiveBlog.objects.get(slug="moon").revision == len(load())
    assert printed.endswith(f"\nPosted all {len(load())} steps into moon.\n")


def test_replay_makes_the_blog_and_it_is_live():
    run("replay", "moon", "--speed", "max")
    blog = LiveBlog.objects.get()
    assert (blog.slug, blog.state) == ("moon", "live")
    assert blog.title
    assert blog.description


def test_replay_into_a_blog_leaves_it_and_its_updates_and_posts_a_fresh_copy_each_time(blog):
    mine = BlogUpdate.objects.create(blog=blog, body="Mine")
    run("replay", "demo", "--speed", "0")
    run("replay", "demo", "--speed", "0")
    blog.refresh_from_db()
    assert blog.title == "Demo"
    assert visible("demo")[0] == mine
    assert len(visible("demo")) == 1 + 2 * len(text_that_stands())


def test_replay_says_each_step_on_a_line_of_its_own_where_there_is_no_terminal():
    lines = run("replay", "moon", "--speed", "0").splitlines()
    total = len(load())
    assert len(lines) == total + 1
    assert lines[0].startswith(f"step 1 of {total}, elapsed 0:00:0")
    assert ", next in 0:00:00" in lines[0]
    assert ", next in" not in lines[total - 1]


def test_replay_rewrites_one_line_on_a_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    progress, ending = run("replay", "moon", "--speed", "0", out=terminal).split("\n", maxsplit=1)
    assert ending == f"Posted all {len(load())} steps into moon.\n"
    shown = progress.split("\r")
    assert len(shown) > len(load())
    assert all(len(line.removesuffix("\x1b[K")) < 30 for line in shown)


class Killing(io.StringIO):
    """An output that sends this process a signal when it reads the end of a step."""

    def __init__(self, number, after):
        super().__init__()
        self.number = number
        self.after = after

    def write(self, text):
        if text.startswith(self.after):
            os.kill(os.getpid(), self.number)
        return super().write(text)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(("speed", "steps"), [("1", 1), ("0", 3)])
def test_a_signal_ends_the_replay_between_two_steps_with_a_sentence(number, speed, steps):
    before = signal.getsignal(number)
    printed = run("replay", "moon", "--speed", speed, out=Killing(number, f"step {steps} of"))
    assert printed.splitlines()[-1] == (
        f"Stopped after {steps} of {len(load())} steps; what is posted stays."
    )
    assert len(visible("moon")) == steps
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("speed", ["fast", "", "-1", "0.001", "nan", "inf"])
def test_replay_refuses_a_speed_that_is_none(speed):
    assert refused("replay", "moon", "--speed", speed) == (
        f"The speed {speed!r} is not a number from 0.01 up, 0 or max (both: no waiting)."
    )
    assert not LiveBlog.objects.exists()


@pytest.mark.parametrize("slug", ["two words", "mönd", "", "x" * 81])
def test_replay_refuses_a_slug_that_no_blog_can_have(slug):
    assert "cannot be the slug of a live blog" in refused("replay", slug, "--speed", "0")
    assert not LiveBlog.objects.exists()


def test_an_update_that_an_editor_deleted_meanwhile_stays_deleted(monkeypatch):
    def play(player, step):
        took(player, step)
        if step.action == "create" and step.key == "undocked":
            BlogUpdate.objects.get(pk=player.ids[step.key]).delete()

    took = replay.Player.play
    monkeypatch.setattr(replay.Player, "play", play)
    run("replay", "moon", "--speed", "0")
    assert len(visible("moon")) == len(text_that_stands()) - 1


def test_replay_ends_with_a_sentence_when_the_blog_is_deleted_meanwhile(monkeypatch):
    def play(player, step):
        took(player, step)
        LiveBlog.objects.filter(slug="moon").delete()

    took = replay.Player.play
    monkeypatch.setattr(replay.Player, "play", play)
    assert refused("replay", "moon", "--speed", "0") == (
        "The live blog moon was deleted, so the replay ends."
    )
