"""Video and audio: what is accepted, what is removed of it, uploads in parts, players."""

import os
import re
import struct
import time
from contextlib import suppress
from html import unescape

import pytest
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from liveblog.api.errors import Refusal
from liveblog.models import BlogUpdate, LiveBlog
from liveblog.reading.export import as_html
from liveblog.recordings import formats, incoming
from liveblog.recordings.content import Found
from liveblog.recordings.storage import kept_at
from liveblog.stream.pulse_tasks import Round
from liveblog.text.markup import render
from proj.backup.archive import files_below
from tests.liveblog.pictures import encoded, picture
from tests.liveblog.recordings import (
    CAPTIONS,
    PLACE,
    SAMPLE,
    TIME,
    TURNED,
    box,
    element,
    ogg_page,
    told_on_mp3,
    told_on_mp4,
    told_on_ogg,
    told_on_wav,
    told_on_webm,
    track,
)
from tests.liveblog.test_unused_pictures import DAY, prune
from tests.liveblog.test_views import client_who_may

VIDEO = f"/media/recordings/{'a' * 32}-640x360.mp4"
AUDIO = f"/media/recordings/{'b' * 32}.mp3"
POSTER = f"/media/images/{'c' * 32}-640x360.webp"
TRACK = f"/media/recordings/{'d' * 32}.vtt"
RECORDINGS = "/liveblog/demo/recordings/"


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.MEDIA_MAX_MB = 1
    return settings.MEDIA_ROOT / "recordings"


@pytest.fixture
def file(tmp_path):
    return tmp_path / "file"


def cleaned(file, content) -> tuple[Found, bytes]:
    file.write_bytes(content)
    return formats.clean(file), file.read_bytes()


# What a file is, and what is removed


@pytest.mark.parametrize(
    ("content", "extension", "size"),
    [
        (told_on_mp4(), "mp4", (640, 360)),
        (told_on_mp4(matrix=TURNED), "mp4", (360, 640)),
        (told_on_mp4(brand=b"qt  "), "mp4", (640, 360)),
        (told_on_mp4(video=None), "m4a", None),
        (told_on_webm(), "webm", (640, 360)),
        (told_on_webm(unknown=False), "webm", (640, 360)),
        (told_on_webm(video=None), "weba", None),
        (told_on_mp3(), "mp3", None),
        (told_on_ogg(), "ogg", None),
        (told_on_wav(), "wav", None),
    ],
)
def test_a_file_loses_its_place_and_keeps_length_and_content(file, content, extension, size):
    found, kept = cleaned(file, content)
    assert found == (extension, size)
    assert PLACE in content and PLACE not in kept
    assert TIME not in kept and len(kept) == len(content)
    assert kept.find(SAMPLE) == content.find(SAMPLE)
    assert cleaned(file, kept) == (found, kept)


def test_a_track_of_positions_loses_its_samples_and_the_film_keeps_its_own(file):
    content = told_on_mp4(others=(b"meta", b"text"))
    kept = cleaned(file, content)[1]
    start = content.index(b"mdat") + 4
    assert kept[start : start + 2 * len(SAMPLE)] == SAMPLE + SAMPLE[::-1]
    assert kept.count(b"trak") == 2 and kept.count(b"mdia") == 2


def test_a_cover_that_is_a_photograph_goes_and_the_film_stays(file):
    content = told_on_mp4(others=())
    start = content.index(b"mdat") + 4
    cover = track(b"vide", b"jpeg", start + 2 * len(SAMPLE), len(PLACE), (160, 90))
    movie = content.index(b"moov") - 4
    (length,) = struct.unpack_from(">I", content, movie)
    content = (
        content[:movie]
        + struct.pack(">I", length + len(cover))
        + content[movie + 4 : movie + length]
        + cover
    )
    found, kept = cleaned(file, content)
    assert found == ("mp4", (640, 360)) and PLACE not in kept and kept.count(b"trak") == 2


def test_captions_are_kept_as_they_are(file):
    assert cleaned(file, CAPTIONS) == (Found("vtt"), CAPTIONS)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"<script>alert(1)</script>", "not_a_recording"),
        (b"\xff\xd8\xff\xe0 a photograph", "not_a_recording"),
        (encoded(picture()), "not_a_recording"),
        (element(0x1A45DFA3, element(0x4282, b"matroska")), "not_a_recording"),
        (told_on_mp4(video=b"hvc1"), "unknown_codec"),
        (told_on_webm(video=b"V_MPEG4/ISO/AVC"), "unknown_codec"),
        (ogg_page(b"\x80theora", 2, 0), "unknown_codec"),
        (told_on_webm().replace(b"\xe0", b"\xa0", 1), "damaged_recording"),
        (element(0x1A45DFA3, b"\x42\x82\xff" + b"webm"), "damaged_recording"),
        (told_on_mp4()[:-1], "damaged_recording"),
        (told_on_mp4()[:200], "damaged_recording"),
        (told_on_webm(unknown=False)[:-1], "damaged_recording"),
        (told_on_mp3()[:20], "damaged_recording"),
        (told_on_ogg()[:100], "damaged_recording"),
        (told_on_ogg() * 2, "other_tracks"),
        (told_on_wav()[:30], "damaged_recording"),
        (b"\x1a\x45\xdf\xa3" + b"\x80" * 40, "not_a_recording"),
        (box(b"ftyp") + box(b"moov"), "damaged_recording"),
        (told_on_mp4() + box(b"moof"), "other_tracks"),
        (box(b"ftyp") + box(b"moov", track(b"meta", b"mebx", 8, 1)), "damaged_recording"),
        (box(b"ftyp") + b"\0\0\0\x08free" * 600_000, "damaged_recording"),
        (b"WEBVTT is not here", "not_captions"),
        (b"WEBVTT\n\n\xff --> ", "not_captions"),
        (CAPTIONS + bytes(1_000_000), "captions_too_large"),
    ],
)
def test_what_cannot_be_used_is_refused(file, content, code):
    with pytest.raises(Refusal) as refused:
        cleaned(file, content)
    assert refused.value.code == code


WRONG = (b"\0", b"\xff", b"\x01", b"\x80", b"\0\0\0\0", b"\0\0\0\x08", b"\xff" * 4)
SAMPLES = [told_on_mp4(), told_on_webm(), told_on_mp3(), told_on_ogg(), told_on_wav(), CAPTIONS]


@given(st.sampled_from(SAMPLES), st.data())
@settings(max_examples=300, deadline=None, derandomize=True)
def test_a_damaged_file_is_used_or_refused_and_nothing_else(tmp_path_factory, content, data):
    """Every length and number in it may be wrong."""
    changed = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(changed) - 1))
        new = data.draw(st.sampled_from(WRONG))
        changed[at : at + len(new)] = new
    end = len(changed) - data.draw(st.just(0) | st.integers(0, len(changed) - 1))
    path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_bytes(changed[:end])
    with suppress(Refusal):
        formats.clean(path)
    assert path.stat().st_size == end


# Uploads in parts


def begun(size: int) -> str:
    return incoming.begin(size)


def test_parts_become_a_file_that_others_may_read(media):
    content = told_on_mp4()
    upload = begun(len(content))
    assert incoming.add(upload, 0, content[:100]) == (100, "")
    assert incoming.progress(upload) == (100, "")
    (part,) = media.iterdir()
    assert part.name.startswith(".") and part.stat().st_mode & 0o777 == 0o600
    done = incoming.add(upload, 100, content[100:])
    path = media / done.address.rpartition("/")[2]
    assert path.stat().st_mode & 0o777 == 0o644 and PLACE not in path.read_bytes()
    assert kept_at(done.address).kind == "video" and kept_at(done.address).size == (640, 360)
    # A client that lost the answer asks again, or sends the last part again.
    assert incoming.progress(upload) == incoming.add(upload, 100, content[100:]) == done
    again = begun(len(content))
    assert incoming.add(again, 0, content) == done
    assert len([p for p in media.iterdir() if not p.name.startswith(".")]) == 1


def test_a_part_continues_where_the_upload_ends(media):
    content = told_on_mp3()
    upload = begun(len(content))
    incoming.add(upload, 0, content[:50])
    for offset, part in ((0, content[:50]), (60, content[60:]), (50, content)):
        with pytest.raises(Refusal) as refused:
            incoming.add(upload, offset, part)
        assert refused.value.frame["offset"] == 50
    assert incoming.add(upload, 50, content[50:]).address.endswith(".mp3")


def test_the_last_step_is_repeated_after_a_crash(media, monkeypatch):
    content = told_on_wav()
    upload = begun(len(content))

    def crash(path):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(incoming, "clean", crash)
        with pytest.raises(OSError):
            incoming.add(upload, 0, content)
    assert incoming.progress(upload) == (len(content), "")
    assert incoming.add(upload, len(content), b"").address.endswith(".wav")


def test_two_requests_do_not_write_the_same_upload(media):
    upload = begun(100)
    with incoming.locked(upload), pytest.raises(Refusal) as refused:
        incoming.add(upload, 0, b"x")
    assert refused.value.code == "upload_busy"
    assert incoming.add(upload, 0, b"x").offset == 1


def test_a_refused_file_leaves_nothing(media):
    upload = begun(9)
    with pytest.raises(Refusal):
        incoming.add(upload, 0, b"not media")
    assert list(media.iterdir()) == []
    with pytest.raises(Refusal, match="unknown_upload"):
        incoming.progress(upload)


def test_limits_are_said_in_one_sentence(monkeypatch, settings):
    with pytest.raises(Refusal) as refused:
        begun(1_000_001)
    assert refused.value.frame["message"] == "The file is larger than 1 MB."
    monkeypatch.setattr(incoming, "SPARE", 1 << 60)
    with pytest.raises(Refusal, match="no_space"):
        begun(10)
    monkeypatch.undo()
    for _ in range(incoming.MOST):
        begun(10)
    with pytest.raises(Refusal, match="too_fast"):
        begun(10)


@pytest.mark.django_db
def test_an_upload_that_nobody_continues_is_removed_after_a_day(media):
    old, new = begun(10), begun(10)
    day_ago = time.time() - DAY - 1
    os.utime(media / f".{old}.part", (day_ago, day_ago))
    Round().run()
    assert [path.name for path in media.iterdir()] == [f".{new}.part"]


def test_a_backup_has_complete_files_only(media):
    content = told_on_mp3()
    done = incoming.add(begun(len(content)), 0, content)
    begun(10)
    assert [path.name for path in files_below(media)] == [done.address.rpartition("/")[2]]


@pytest.mark.parametrize("upload", ["x", "../../secret", f"{'a' * 32}-0", f"{'a' * 32}-5/../x"])
def test_no_other_file_is_an_upload(upload):
    with pytest.raises(Refusal, match="unknown_upload"):
        incoming.progress(upload)


# Over HTTP: tests/liveblog/test_api.py has the token API


@pytest.fixture
def blog(db):
    return LiveBlog.objects.create(slug="demo", title="Demo")


def test_a_writer_uploads_in_parts(blog):
    client = client_who_may("add", "publish")
    content = told_on_webm()
    begin = client.post(RECORDINGS, {"size": len(content)})
    assert (begin.status_code, begin.json()["offset"]) == (201, 0)
    address = f"{RECORDINGS}{begin.json()['upload']}/"
    part = {"content_type": "application/octet-stream"}
    first = client.put(f"{address}?offset=0", content[:30], **part)
    assert (first.status_code, first.json()["offset"]) == (200, 30)
    assert client.get(address).json() == first.json()
    wrong = client.put(f"{address}?offset=9", content[9:], **part)
    assert (wrong.status_code, wrong.json()["offset"]) == (409, 30)
    last = client.put(f"{address}?offset=30", content[30:], **part)
    assert last.status_code == 201
    found = last.json()
    assert (found["kind"], found["width"], found["height"]) == ("video", 640, 360)
    served = Client().get(found["address"], headers={"Range": "bytes=0-"})
    assert (served.status_code, served["Content-Type"]) == (206, "video/webm")
    assert Client().get(f"/media/recordings/.{begin.json()['upload']}.done").status_code == 404


def test_who_may_not_write_uploads_nothing(blog, media):
    for client, status in ((Client(), 302), (client_who_may("delete"), 403)):
        assert client.post(RECORDINGS, {"size": 10}).status_code == status
    assert not media.exists()
    assert client_who_may("add").post(RECORDINGS, {"size": "ten"}).status_code == 400


# Players


def test_a_video_is_a_figure_that_reserves_its_space():
    html = render(f'![The "boat"]({VIDEO}#poster={POSTER}&captions={TRACK} "At <noon> | Jo")')
    assert html == (
        '<figure><video controls="" playsinline="" preload="none" width="640" height="360"'
        f' poster="{POSTER}" src="{VIDEO}" aria-label="The &quot;boat&quot;">'
        f'<track kind="captions" label="CC" src="{TRACK}"></video>'
        "<figcaption>At &lt;noon&gt; <small>Jo</small></figcaption></figure>"
    )
    assert 'preload="metadata"' in render(f"![]({VIDEO})")
    assert 'class="tall"' in render(f"![]({VIDEO.replace('640x360', '360x640')})")


def test_sound_has_its_title_above():
    assert render(f"![The speech]({AUDIO})") == (
        "<figure><figcaption>The speech</figcaption>"
        f'<audio controls="" preload="none" src="{AUDIO}" aria-label="The speech"></audio></figure>'
    )


def test_pictures_and_players_in_one_paragraph_keep_their_order():
    html = render(f"![a]({POSTER})\n![b]({POSTER})\n\n![c]({VIDEO})\n\n![d]({POSTER})")
    assert html.index("gallery") < html.index("<video") < html.index('alt="d"')
    assert "<p>Look: <video" in render(f"Look: ![c]({VIDEO})")


@pytest.mark.parametrize(
    "address",
    [
        f"https://other.example{VIDEO}",
        VIDEO.replace("-640x360", ""),
        VIDEO.replace("mp4", "exe"),
        AUDIO.replace(".mp3", "-1x1.mp3"),
        TRACK,
        f"{VIDEO}?x",
    ],
)
def test_nothing_else_becomes_a_player(address):
    assert "<img" in render(f"![x]({address})")


def test_an_unsafe_poster_is_left_out():
    for poster in ("javascript:alert(1)", "https://other.example/a.webp", "/media/logo.svg"):
        assert "poster" not in render(f"![x]({VIDEO}#poster={poster}&captions={poster})")


# What others get of it


@pytest.fixture
def posted(blog):
    body = f'![The boat]({VIDEO}#poster={POSTER}&captions={TRACK} "At noon | Jo")\n\n![]({AUDIO})'
    return BlogUpdate.objects.create(blog=blog, body=body)


def test_a_feed_has_enclosures_and_absolute_addresses(posted, media):
    media.mkdir(parents=True)
    (media / VIDEO.rpartition("/")[2]).write_bytes(b"12345")
    feed = unescape(Client().get("/liveblog/demo/feed/").content.decode())
    site = "http://testserver"
    links = [line for line in re.findall("<link [^>]*>", feed) if "enclosure" in line]
    assert len(links) == 2 and f'href="{site}{VIDEO}"' in links[0] and 'length="5"' in links[0]
    assert f'href="{site}{AUDIO}"' in links[1] and 'type="audio/mpeg"' in links[1]
    assert f'poster="{site}{POSTER}" src="{site}{VIDEO}"' in feed
    assert f'label="CC" src="{site}{TRACK}"' in feed
    assert f'src="{site}{VIDEO}"' in as_html(posted.blog, f"{site}/")


def test_search_engines_and_cards_get_the_video(posted):
    page = Client().get("/liveblog/demo/").content.decode()
    assert '"@type": "VideoObject"' in page and f'"contentUrl": "http://testserver{VIDEO}"' in page
    assert f'"thumbnailUrl": "http://testserver{POSTER}"' in page
    assert '"@type": "AudioObject"' in page
    post = Client().get(posted.get_absolute_url()).content.decode()
    assert f'<meta property="og:image" content="http://testserver{POSTER}">' in post


@pytest.mark.django_db
def test_files_that_no_text_names_are_removed_and_others_never(blog, media, monkeypatch):
    made = []
    for content in (told_on_mp4(), told_on_mp3(), CAPTIONS, told_on_wav()):
        made.append(incoming.add(begun(len(content)), 0, content).address)
    video, _, captions, draft = made
    BlogUpdate.objects.create(blog=blog, body=f"![x]({video}#captions={captions})")
    BlogUpdate.objects.create(blog=blog, body=f"![x]({draft})", draft=True)
    assert prune("--older-than", "0").startswith("Removed 1 file that no text names")
    left = {path.name for path in media.iterdir() if not path.name.startswith(".")}
    assert left == {address.rpartition("/")[2] for address in (video, captions, draft)}
