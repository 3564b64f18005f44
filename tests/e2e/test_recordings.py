"""Video and audio, from the composer to the reader, in a real browser that plays them."""

import base64
import re
import urllib.request

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.e2e.browsing import open_live, publish, sending, text_field, updates, watch
from tests.e2e.test_pictures import choose, drop, lines
from tests.liveblog.pictures import encoded, picture
from tests.liveblog.recordings import CAPTIONS, PLACE, box, told_on_mp4, told_on_wav

VIDEO = r"/media/recordings/[0-9a-f]{32}-320x180\.mp4"
POSTER = r"/media/images/[0-9a-f]{32}-320x180\.webp"
IMAGE = r"/media/images/[0-9a-f]{32}-64x48\.webp"
AUDIO = r"/media/recordings/[0-9a-f]{32}\.wav"
MIB = 1 << 20
# A video of a second and a half, as the browser's own camera would record it.
RECORD = """async () => {
    const canvas = Object.assign(document.createElement("canvas"), { width: 320, height: 180 });
    const pen = canvas.getContext("2d");
    const recorder = new MediaRecorder(canvas.captureStream(25), { mimeType: "video/mp4" });
    const parts = [];
    recorder.ondataavailable = ({ data }) => parts.push(data);
    const stopped = new Promise((resolve) => (recorder.onstop = resolve));
    let number = 0;
    await new Promise((resolve) => {
        const timer = setInterval(() => {
            pen.fillStyle = `hsl(${number * 9}, 60%, 40%)`;
            pen.fillRect(0, 0, 320, 180);
            pen.fillStyle = "white";
            pen.font = "60px sans-serif";
            pen.fillText(`${number}`, 120, 110);
            number += 1;
            if (number === 1) recorder.start();
            if (number > 37) resolve(clearInterval(timer));
        }, 40);
    });
    recorder.stop();
    await stopped;
    const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
    return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}"""
JUMP = """async (source) => {
    const player = Object.assign(new Audio(source), { muted: true });
    await player.play();
    const jumped = new Promise((resolve) => (player.onseeked = resolve));
    player.currentTime = player.duration - 2;
    await jumped;
    await new Promise((resolve) => (player.onended = resolve));
    return [player.duration, player.error];
}"""
SHIFTS = """() => {
    window.shifted = 0;
    new PerformanceObserver((list) => {
        for (const { value, sources } of list.getEntries()) {
            if (sources.some(({ node }) => node?.closest?.('.update'))) window.shifted += value;
        }
    }).observe({ type: "layout-shift" });
}"""


@pytest.fixture(scope="module")
def film(browser) -> bytes:
    """A video that the browser can play, with the place where it was recorded."""
    with browser.new_context() as context:
        recorded = base64.b64decode(context.new_page().evaluate(RECORD))
    return recorded + box(b"udta", PLACE) + box(b"uuid", bytes(16), PLACE)


def played(player, time):
    """Play to the end of a jump; what the player then says of itself."""
    return player.evaluate(
        """async (player, time) => {
            player.muted = true;
            await player.play();
            const jumped = new Promise((resolve) => (player.onseeked = resolve));
            player.currentTime = time;
            await jumped;
            player.pause();
            return [player.readyState, player.duration, player.currentTime, player.error];
        }""",
        time,
    )


def test_a_video_and_a_sound_are_published_and_played(stack, blog, desk, browser, errors, film):
    choose(desk, "boat.mp4", film, "video/mp4")
    expect(text_field(desk)).to_have_value(
        re.compile(rf"^!\[describe the video\]\({VIDEO}#poster={POSTER}\)$")
    )
    publish(desk)
    expect(sending(desk)).to_contain_text("Say what the video or audio is")
    desk.locator("[data-picture-alt]").fill("The boat")
    desk.get_by_label("Caption", exact=True).fill("At noon")
    desk.locator("[data-file-of=captions]").set_input_files(
        {"name": "boat.vtt", "mimeType": "text/vtt", "buffer": CAPTIONS}
    )
    expect(desk.locator(".video-options [role=status]")).to_have_text("Added.")
    poster = {"name": "a.png", "mimeType": "image/png", "buffer": encoded(picture((400, 400)))}
    before = text_field(desk).input_value()
    desk.locator("[data-file-of=poster]").set_input_files(poster)
    expect(text_field(desk)).not_to_have_value(before)
    expect(text_field(desk)).to_have_value(
        re.compile(
            rf"^!\[The boat\]\({VIDEO}#captions=/media/recordings/[0-9a-f]{{32}}\.vtt"
            r'&poster=/media/images/[0-9a-f]{32}-400x225\.webp "At noon"\)$'
        )
    )
    assert Axe().run(desk).response["violations"] == []
    text_field(desk).press("Control+End")
    choose(desk, "speech.wav", told_on_wav(3), "audio/wav")
    expect(text_field(desk)).to_have_value(re.compile(rf"\n\n!\[title of the audio\]\({AUDIO}\)$"))
    desk.keyboard.type("The speech")
    with browser.new_context() as context:
        reader = context.new_page()
        watch(reader, errors)
        open_live(reader, stack, blog)
        publish(desk)
        expect(sending(desk)).to_have_text("Published.")
        video, audio = updates(reader).locator("video"), updates(reader).locator("audio")
        reader.evaluate(SHIFTS)
        box_before = audio.bounding_box()
        ready, duration, at, error = played(video, 1)
        # It plays on until it is paused, on a busy machine to its end.
        assert ready >= 2 and duration > 1 and 0.8 < at <= duration and error is None
        ready, duration, at, error = played(audio, 2)
        assert ready >= 2 and duration == pytest.approx(3, abs=0.1) and error is None
        assert audio.bounding_box() == box_before and reader.evaluate("shifted") == 0
        # An edit of the text around it does not interrupt it.
        video.evaluate("(video) => { window.kept = video; video.currentTime = 0.5; video.play(); }")
        stack.shell(
            "from liveblog.models import BlogUpdate;"
            f"row = BlogUpdate.objects.get(blog__slug={blog!r});"
            "row.body += '\\n\\nMore'; row.save()"
        )
        expect(updates(reader)).to_contain_text("More")
        assert reader.evaluate("kept.isConnected && kept.currentTime >= 0.5 && !kept.error")
        expect(video).to_have_js_property("ended", True)
        video.evaluate("(video) => (video.textTracks[0].mode = 'showing')")
        reader.wait_for_function("document.querySelector('video').textTracks[0].cues?.length")
        assert Axe().run(reader).response["violations"] == []
        source = video.get_attribute("src")
        reader.goto(f"http://{stack.address}{source}")  # as a download, or from a feed
        reader.wait_for_function("document.querySelector('video').readyState > 0")
    with urllib.request.urlopen(f"http://{stack.address}{source}") as response:
        assert PLACE not in response.read()


def test_a_reader_without_scripts_gets_the_players(stack, blog, browser, errors):
    video = f"/media/recordings/{'a' * 32}-640x360.mp4"
    stack.post(blog, f"![The boat]({video})")
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"http://{stack.address}/liveblog/{blog}/")
        size = page.locator("video").bounding_box()
        assert size["height"] == pytest.approx(size["width"] * 360 / 640, abs=1)


def test_an_upload_goes_on_where_the_connection_was_lost(desk, errors):
    """Each part is sent once, but for the lost one."""
    content = told_on_wav(3.5 * MIB / 8000)
    offsets = []

    def let_through(route):
        if route.request.method == "PUT":
            offsets.append(int(route.request.url.partition("offset=")[2]))
            if len(offsets) == 3:
                desk.context.set_offline(True)
                route.abort()
                return
        route.continue_()

    desk.route("**/recordings/**", let_through)
    choose(desk, "speech.wav", content, "audio/wav")
    expect(lines(desk)).to_have_attribute("data-state", "lost")
    assert desk.locator("[data-uploads] progress").evaluate("(bar) => bar.value") > 0.5
    desk.context.set_offline(False)
    expect(text_field(desk)).to_have_value(re.compile(AUDIO))
    assert offsets == [0, MIB, 2 * MIB, 2 * MIB, 3 * MIB]
    # Its end is more than one range away from its beginning.
    source = re.search(AUDIO, text_field(desk).input_value())[0]
    assert desk.evaluate(JUMP, source) == [pytest.approx(3.5 * MIB / 8000, abs=1), None]
    errors.clear()  # the browser reports the lost request


def test_a_picture_does_not_wait_for_a_film(desk):
    held = []
    desk.route("**/recordings/*/?offset=*", lambda route: held.append(route))
    with desk.expect_request("**/recordings/*/?offset=*"):
        choose(desk, "speech.wav", told_on_wav(), "audio/wav")
    choose(desk, "red.png", encoded(picture()))
    expect(text_field(desk)).to_have_value(re.compile(rf"#uploading-1\)\n\n!\[.*{IMAGE}\)$"))
    held[0].continue_()
    expect(text_field(desk)).to_have_value(re.compile(rf"{AUDIO}\)\n\n!\[.*{IMAGE}\)$"))


def test_what_cannot_be_played_is_refused_with_one_sentence(stack, desk, errors, tmp_path):
    for name, content, why in (
        ("film.mp4", b"<script>alert(1)</script>", "no supported video or audio"),
        ("film.mov", told_on_mp4(video=b"hvc1"), "Not all browsers can play this file"),
        ("half.mp4", told_on_mp4()[:-1], "damaged or incomplete"),
    ):
        choose(desk, name, content, "video/mp4")
        expect(lines(desk)).to_contain_text(why)
        expect(text_field(desk)).to_have_value("")
        desk.get_by_role("button", name="Close").click()
    large = tmp_path / "large.mp4"
    with large.open("wb") as file:
        file.truncate(100_000_001)
    drop(desk, large)
    expect(lines(desk)).to_contain_text("larger than 100 MB")
    errors.clear()  # the browser reports the refused requests
