"""Pictures and the preview in the composer, in a real browser."""

import base64
import json
import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.e2e.browsing import open_live, publish, sending, text_field, updates, watch
from tests.liveblog.pictures import encoded, picture, told_on

DESCRIBE = "describe the image"
UPLOADED = r"/media/images/[0-9a-f]{32}-\d+x\d+\.webp"
WRITE = """async ([kind, content]) => {
    const answer = await fetch(`data:${kind};base64,${content}`);
    await navigator.clipboard.write([new ClipboardItem({ [kind]: await answer.blob() })]);
}"""


def paste(desk, content):
    """Put a PNG into the clipboard, as another program does, and press Ctrl+V."""
    desk.context.grant_permissions(["clipboard-read", "clipboard-write"])
    desk.evaluate(WRITE, ["image/png", base64.b64encode(content).decode()])
    text_field(desk).press("Control+v")


def drop(desk, *paths):
    """Drag files from the desktop onto the text."""
    box = text_field(desk).bounding_box()
    place = {"x": box["x"] + 40, "y": box["y"] + 40}
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    devtools = desk.context.new_cdp_session(desk)
    for kind in ("dragEnter", "dragOver", "drop"):
        devtools.send("Input.dispatchDragEvent", {"type": kind, "data": data} | place)


def choose(desk, name, content, kind="image/png"):
    desk.locator("[data-file]").set_input_files({"name": name, "mimeType": kind, "buffer": content})


def lines(desk):
    return desk.locator("[data-uploads] li")


def shown(desk):
    return desk.locator("[data-preview-content]")


def kept(desk):
    """The texts that the browser keeps for the case that the page is left."""
    stored = desk.evaluate("Object.values(localStorage).filter((text) => text.startsWith('{'))")
    return [json.loads(text)["fields"]["body"] for text in stored]


def test_a_pasted_and_a_dropped_picture_are_published_and_seen(
    stack, blog, desk, browser, errors, tmp_path
):
    photograph = tmp_path / "photo.jpg"
    photograph.write_bytes(told_on() + bytes(8_000_000))  # as many as a phone's have
    text_field(desk).fill("Before")
    paste(desk, encoded(picture((1800, 900))))
    expect(text_field(desk)).to_have_value(
        re.compile(rf"^Before\n\n!\[{DESCRIBE}\]\({UPLOADED}\)$")
    )
    desk.keyboard.type("The landing site")  # over what is selected
    expect(text_field(desk)).to_have_value(re.compile(rf"!\[The landing site\]\({UPLOADED}\)$"))
    drop(desk, photograph)  # the caret is still between the brackets
    expect(text_field(desk)).to_have_value(
        re.compile(rf"site\]\({UPLOADED}\)\n\n!\[{DESCRIBE}\]\({UPLOADED}\)$")
    )
    expect(lines(desk)).to_have_count(0)
    publish(desk)
    expect(sending(desk)).to_contain_text("Describe the image")
    desk.keyboard.type("A [small] step")
    with browser.new_context() as context:
        reader = context.new_page()
        watch(reader, errors)
        open_live(reader, stack, blog)
        publish(desk)
        expect(sending(desk)).to_have_text("Published.")
        images = updates(reader).locator("img")
        expect(images).to_have_count(2)
        for image, alt, size in (
            (images.nth(0), "The landing site", [1600, 800]),
            (images.nth(1), "A [small] step", [48, 64]),
        ):
            image.scroll_into_view_if_needed()
            expect(image).to_have_attribute("alt", alt)
            expect(image).to_have_js_property("complete", True)
            found = image.evaluate("i => [i.naturalWidth, i.naturalHeight, +i.width / +i.height]")
            assert found[:2] == size and found[2] == pytest.approx(size[0] / size[1], 0.01)


def test_a_picture_waits_for_the_network_and_nobody_waits_for_it(desk, errors):
    expect(desk.get_by_role("button", name="Media")).to_be_visible()
    desk.context.set_offline(True)
    text_field(desk).fill("Before")
    choose(desk, "red.png", encoded(picture()))
    expect(lines(desk)).to_contain_text("Not uploaded: ")
    text_field(desk).press("Control+End")
    desk.keyboard.type(" after")
    publish(desk)
    expect(sending(desk)).to_contain_text("A file is still uploading.")
    desk.evaluate("window.dispatchEvent(new Event('pagehide'))")  # which saves at once
    assert kept(desk) == ["Before\n\n after"]
    desk.get_by_role("button", name="Try again").click()
    expect(lines(desk)).to_have_attribute("data-state", "lost")
    desk.context.set_offline(False)
    expect(lines(desk)).to_have_count(0)
    expect(text_field(desk)).to_have_value(
        re.compile(rf"^Before\n\n!\[{DESCRIBE}\]\({UPLOADED}\) after$")
    )
    assert errors and all("ERR_INTERNET_DISCONNECTED" in error for error in errors)
    errors.clear()


def test_a_picture_of_an_editor_who_was_logged_out_waits_for_the_next_login(desk, errors):
    """Without a session cookie the server does not even read it."""
    desk.context.clear_cookies(name="sessionid")
    choose(desk, "photo.jpg", told_on() + bytes(1_000_000), "image/jpeg")
    expect(lines(desk)).to_have_attribute("data-state", "lost")
    expect(desk.locator("[data-login]").first).to_be_visible()
    errors.clear()  # the browser reports the refused request


def test_what_is_refused_says_why_and_leaves_the_text_as_it_was(desk, errors):
    text_field(desk).fill("A text\nof two lines")
    text_field(desk).press("Control+Home")
    for name, content, kind, why in (
        ("page.png", b"<script>alert(1)</script>", "image/png", "not a supported image"),
        ("half.png", encoded(picture())[:-40], "image/png", "damaged or incomplete"),
        ("large.png", bytes(10_000_001), "image/png", "larger than 10 MB"),
        (
            "draw.svg",
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            "image/svg+xml",
            "not a supported image",
        ),
        ("notes.txt", b"Notes", "text/plain", "not a supported image"),
    ):
        choose(desk, name, content, kind)
        expect(lines(desk)).to_contain_text(name)
        expect(lines(desk)).to_contain_text(why)
        expect(text_field(desk)).to_have_value("A text\nof two lines")
        assert name != "half.png" or Axe().run(desk).response["violations"] == []
        desk.get_by_role("button", name="Close").click()
        expect(lines(desk)).to_have_count(0)
    assert len(errors) == 2 and "415" in errors[0] and "422" in errors[1]
    errors.clear()


def test_a_photograph_that_the_server_would_refuse_is_made_smaller_first(desk):
    """One of more than 10 MB, and one of a kind that only the browser can read."""
    large = encoded(picture((4000, 3000)), "JPEG") + bytes(10_000_000)
    choose(desk, "large.jpg", large, "image/jpeg")
    expect(text_field(desk)).to_have_value(re.compile(r"-1600x1200\.webp\)$"))
    text_field(desk).fill("")
    choose(desk, "other.bmp", encoded(picture(), "BMP"), "image/bmp")
    expect(text_field(desk)).to_have_value(re.compile(r"-64x48\.webp\)$"))


def test_the_preview_follows_the_text(desk, errors):
    preview = desk.locator("[data-preview]")
    toggle = desk.get_by_role("button", name="Preview")
    expect(preview).to_be_hidden()
    toggle.click()
    text_field(desk).press_sequentially("Some **bold** text")
    expect(shown(desk).locator("strong")).to_have_text("bold")
    desk.get_by_label("Headline").fill("News")
    expect(preview.get_by_text("News")).to_be_visible()
    text_field(desk).fill("x" * 20_001)
    expect(preview.get_by_role("status")).to_contain_text("20000")
    desk.context.set_offline(True)
    text_field(desk).fill("Written *offline*")
    expect(preview.get_by_role("status")).to_contain_text("the server cannot be reached")
    desk.context.set_offline(False)
    expect(shown(desk).locator("em")).to_have_text("offline")
    expect(preview.get_by_role("status")).to_have_text("")
    desk.reload()  # the text was kept, and that there is a preview
    expect(text_field(desk)).to_have_value("Written *offline*")
    expect(shown(desk).locator("em")).to_have_text("offline")
    toggle.click()
    expect(preview).to_be_hidden()
    desk.reload()
    expect(toggle).to_have_attribute("aria-pressed", "false")
    expect(preview).to_be_hidden()
    assert errors and all("DISCONNECTED" in error or "422" in error for error in errors)
    errors.clear()


def test_buttons_and_keys_mark_what_is_selected_and_can_be_undone(desk):
    text_field(desk).fill("One small step")
    text_field(desk).select_text()
    desk.get_by_role("button", name="Bold").click()
    expect(text_field(desk)).to_have_value("**One small step**")
    expect(text_field(desk)).to_be_focused()
    desk.keyboard.press("Control+i")
    expect(text_field(desk)).to_have_value("***One small step***")
    desk.keyboard.press("Control+z")
    desk.keyboard.press("Control+z")
    expect(text_field(desk)).to_have_value("One small step")


def test_a_picture_gets_a_caption_and_readers_enlarge_it(stack, blog, desk, browser, errors):
    caption = desk.get_by_label("Caption")
    expect(caption).to_be_hidden()
    choose(desk, "one.png", encoded(picture()))
    expect(text_field(desk)).to_have_value(re.compile(UPLOADED))
    desk.locator("[data-picture-alt]").fill("One")
    caption.fill("At [noon]")
    desk.get_by_label("Credit").fill('Photo: "Jo"')
    expect(text_field(desk)).to_have_value(
        re.compile(rf'^!\[One\]\({UPLOADED} "At \[noon\] \| Photo: \\"Jo\\""\)$')
    )
    value = text_field(desk).input_value()
    text_field(desk).fill("line\n" * 80 + value.replace("One", DESCRIBE))
    text_field(desk).evaluate("field => { field.scrollTop = 0; }")
    publish(desk)
    expect(sending(desk)).to_contain_text("Describe the image")
    # The description, which is selected, is in sight.
    assert (
        text_field(desk).evaluate(
            "({ scrollTop, scrollHeight, clientHeight }) => scrollHeight - scrollTop - clientHeight"
        )
        < 100
    )
    text_field(desk).fill(f"{value}\n\n{value.replace('One', 'Two')}\n\nText")
    expect(caption).to_be_hidden()
    assert Axe().run(desk).response["violations"] == []
    publish(desk)
    expect(sending(desk)).to_have_text("Published.")
    with browser.new_context() as context:
        reader = context.new_page()
        watch(reader, errors)
        open_live(reader, stack, blog)
        link = updates(reader).get_by_role("link", name="One")
        link.click()
        dialog = reader.get_by_role("dialog", name="Image")
        expect(dialog.get_by_role("img")).to_have_attribute("alt", "One")
        expect(dialog).to_contain_text('At [noon] Photo: "Jo"')
        assert Axe().run(reader).response["violations"] == []
        reader.keyboard.press("ArrowRight")
        expect(dialog.get_by_role("img")).to_have_attribute("alt", "Two")
        dialog.get_by_role("button", name="Previous image").click()
        expect(dialog.get_by_role("img")).to_have_attribute("alt", "One")
        reader.keyboard.press("Escape")
        expect(dialog).to_be_hidden()
        expect(link).to_be_focused()
        assert "/liveblog/" in reader.url
