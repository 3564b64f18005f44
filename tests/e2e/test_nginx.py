"""The top-level nginx.conf, in real nginx, in front of the whole product."""

import asyncio
import gzip
import json
import re
import ssl
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.conf import settings
from harness.network import http_request
from harness.process import stopped
from harness.waiting import PATIENCE, wait_until
from playwright.sync_api import expect
from websockets.asyncio.client import connect

from tests.e2e.browsing import connection, contents
from tests.e2e.nginx import CONF, Nginx, requests_made
from tests.e2e.stack import OPTIONS, Reader, Stack

STALE_AT_MOST = 2  # s; the promised age of a poll's answer
READER_SCRIPT = re.compile(rb'src="(/static/liveblog/reader/stream/reader\.[0-9a-f]{12}\.js)"')


# The way through


def test_the_page_and_its_script_come_through(nginx, blog):
    status, headers, body = nginx.get(f"/liveblog/{blog}/")
    assert status == 200 and b"To the Moon" in body
    script = READER_SCRIPT.search(body)[1].decode()
    status, headers, body = nginx.get(script)
    assert status == 200 and b"the effects of stream.js" in body
    assert headers.get_all("Cache-Control") == ["max-age=31536000", "public, immutable"]
    assert headers["Content-Type"] == "text/javascript; charset=utf-8"
    imported = re.search(rb'from "\./(stream\.[0-9a-f]{12}\.js)"', body)[1].decode()
    assert nginx.get(f"/static/liveblog/reader/stream/{imported}")[0] == 200


def test_static_and_media_files_come_from_disk(stack, nginx):
    """What workers with another umask have written, nginx's own user can read."""
    address = keep_picture(stack)
    before = requests_made(stack)
    status, headers, body = nginx.get(address)
    assert status == 200 and body[8:12] == b"WEBP"
    assert requests_made(stack) == before
    assert_is_kept_and_inert(headers)
    assert nginx.get("/media/nothing.svg")[0] == 404


def test_a_film_comes_from_disk_in_the_ranges_that_players_request(stack, nginx):
    address = keep_film(stack)
    before = requests_made(stack)
    status, headers, body = nginx.get(address, Range="bytes=100-199")
    assert (status, len(body)) == (206, 100)
    assert headers["Content-Range"].startswith("bytes 100-199/")
    assert headers["Content-Type"] == "video/mp4"
    policy = "default-src 'none'; media-src 'self'; sandbox"
    assert headers.get_all("Content-Security-Policy") == [policy]
    assert headers.get_all("Cache-Control") == ["max-age=31536000", "public, immutable"]
    status, headers, _ = nginx.get(address, Range="bytes=999999-")
    assert status == 416 and headers["Content-Range"].startswith("bytes */")
    assert nginx.get(address)[1]["Accept-Ranges"] == "bytes"
    assert requests_made(stack) == before
    name = address.rpartition("/")[2]
    assert nginx.get(f"/media/recordings/.{name}")[0] == 404  # which Django is not asked
    assert requests_made(stack) == before


def keep_film(stack):
    return stack.shell(
        "import os; os.umask(0o077); from liveblog.recordings import incoming;"
        "from tests.liveblog.recordings import told_on_mp4; content = told_on_mp4();"
        "print(incoming.add(incoming.begin(len(content)), 0, content).address)"
    ).strip()


def keep_picture(stack):
    """Upload a picture as a worker would; returns its address."""
    return stack.shell(
        "import os; os.umask(0o077); from liveblog.pictures import images;"
        "from tests.liveblog.pictures import encoded, picture, upload;"
        "print(images.store_picture(upload(encoded(picture()))['image']).address)"
    ).strip()


def assert_is_kept_and_inert(headers):
    assert headers["Content-Type"] == "image/webp"
    assert headers.get_all("Content-Security-Policy") == ["default-src 'none'; sandbox"]
    assert headers.get_all("X-Content-Type-Options") == ["nosniff"]
    assert headers.get_all("Cache-Control") == ["max-age=31536000", "public, immutable"]


def test_without_nginx_the_hashed_files_come_too(stack, blog):
    body = stack.get(f"/liveblog/{blog}/").read()
    script = READER_SCRIPT.search(body)[1].decode()
    answer = stack.get(script)
    assert (
        "immutable" in answer.headers["Cache-Control"]
        and b"the effects of stream.js" in answer.read()
    )
    for path in ("/static/../secret_key", "/static/%2e%2e/secret_key", "/static/..%2fsecret_key"):
        with pytest.raises(urllib.error.HTTPError) as refusal:
            stack.get(path)
        assert refusal.value.code == 404


def test_a_reader_gets_a_post(stack, nginx, blog):
    url = f"ws://{nginx.address}/channel/liveblog/{blog}/?after=0"
    with Reader(url, origin=f"http://{nginx.address}") as reader:
        assert reader.frame()["type"] == "replay"
        stack.post(blog, "Through nginx")
        assert reader.frame()["content"] == "<p>Through nginx</p>"


def test_a_browser_reads_and_gets_a_post_and_its_console_stays_silent(stack, nginx, blog, page):
    page.goto(f"http://{nginx.address}/liveblog/{blog}/")
    expect(connection(page)).to_have_text("Live")
    stack.post(blog, "Through nginx and CSP")
    expect(contents(page)).to_have_text(["Through nginx and CSP"])
    for path in ("/", "/accounts/login/", "/admin/login/", "/chat/moon/"):
        page.goto(f"http://{nginx.address}{path}")
        page.wait_for_load_state()
    # The policy lets alerts have their dialog, their service worker and the web app.
    page.goto(f"http://{nginx.address}/liveblog/{blog}/")
    page.locator("p a[data-alerts]").click()
    expect(page.get_by_role("button", name="Turn on alerts")).to_be_visible()
    page.evaluate("navigator.serviceWorker.register('/alerts/sw.js', { scope: '/alerts/' })")
    assert page.evaluate("fetch(document.querySelector('[rel=manifest]').href).then((it) => it.ok)")


def test_an_ordinary_request_for_a_socket_is_answered(nginx, blog):
    assert nginx.get(f"/channel/liveblog/{blog}/")[0] == 404


# The cache


def test_pages_of_anonymous_readers_are_made_once_a_second(stack, nginx, blog):
    """One worker could not make so many in the time that each copy lasts."""
    before = requests_made(stack)
    for _ in range(200):
        assert nginx.get(f"/liveblog/{blog}/")[0] == 200
        assert nginx.get(f"/liveblog/{blog}/updates.json?after=0")[0] == 200
    assert requests_made(stack) - before < 200


def test_row_49_a_lone_poll_is_answered_with_what_is_at_most_2_s_old(stack, nginx, blog):
    path = f"/liveblog/{blog}/updates.json?after=0"
    for number in range(3):  # each poll leaves a copy that must not be the next one's answer
        nginx.get(path)
        stack.shell(POST.format(slug=blog, body=f"Post {number}"))
        wait_for_age(STALE_AT_MOST)
        assert f"Post {number}".encode() in nginx.get(path)[2]


def test_row_49_a_crowd_of_polls_after_a_pause_is_answered_by_few_requests(stack, nginx, blog):
    """A copy is there and has expired: not everybody who comes then asks the product."""
    path = f"/liveblog/{blog}/updates.json?after=0"
    nginx.get(path)
    wait_for_age(STALE_AT_MOST)
    before = requests_made(stack)
    with ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(lambda _: nginx.get(path)[0], range(300)))
    assert answers == [200] * 300
    # One for each second that this takes, and health checks.
    assert requests_made(stack) - before < 20


def wait_for_age(seconds: float) -> None:
    """Let that much time pass: a request that looked at the copy would renew it."""
    began = time.monotonic()
    wait_until(lambda: time.monotonic() - began >= seconds, f"an age of {seconds} s")


POST = (
    "from liveblog.models import BlogUpdate, LiveBlog;"
    "BlogUpdate.objects.create(blog=LiveBlog.objects.get(slug={slug!r}), body={body!r})"
)


def test_a_page_of_an_ended_coverage_may_be_kept_for_a_year_but_not_here(stack, nginx, blog):
    write = (
        "from liveblog.models import BlogUpdate, LiveBlog;"
        f"blog = LiveBlog.objects.get(slug={blog!r});"
        "blog.state = 'ended'; blog.save(); BlogUpdate.objects.create(blog=blog, body={!r})"
    )
    stack.shell(write.format("The last words"))
    _, headers, body = nginx.get(f"/liveblog/{blog}/")
    assert b"The last words" in body
    assert (
        "s-maxage=31536000" in headers["Cache-Control"] and "max-age=60" in headers["Cache-Control"]
    )
    assert "X-Accel-Expires" not in headers
    stack.shell(write.format("A correction"))
    wait_until(
        lambda: b"A correction" in nginx.get(f"/liveblog/{blog}/")[2], "the page as it is now"
    )


def test_a_logged_in_user_passes_the_cache_by(nginx, stack, blog):
    assert f"$cookie_{settings.SESSION_COOKIE_NAME};" in CONF
    before = requests_made(stack)
    for _ in range(20):
        nginx.get(f"/liveblog/{blog}/", Cookie="sessionid=somebody")
    assert requests_made(stack) - before >= 20


def test_what_is_not_public_is_not_kept(nginx):
    tokens = {re.search(rb'csrf\w+" value="(\w+)"', nginx.get("/accounts/login/")[2])[1]}
    tokens.add(re.search(rb'csrf\w+" value="(\w+)"', nginx.get("/accounts/login/")[2])[1])
    assert len(tokens) == 2


def test_it_works_in_a_folder_that_its_workers_cannot_reach(stack, blog):
    with Nginx(stack, open_folder=False) as nginx:
        status, headers, body = nginx.get(f"/liveblog/{blog}/")
        assert status == 200
        status, headers, _ = nginx.get(f"/liveblog/{blog}/", If_None_Match=headers["ETag"])
        assert status == 304 and "Content-Security-Policy" not in headers  # the browser has it
        script = re.search(rb'src="(/static/[^"]+)"', body)[1].decode()
        assert nginx.get(script)[0] == 200
        status, headers, body = nginx.get(keep_picture(stack))
        assert status == 200 and body[8:12] == b"WEBP"
        assert_is_kept_and_inert(headers)


# Headers


def test_every_answer_carries_the_security_headers(nginx, blog):
    for path in (f"/liveblog/{blog}/", "/static/liveblog/shared/liveblog.css", "/nothing-here"):
        headers = nginx.get(path)[1]
        *_, policy = headers.get_all("Content-Security-Policy")  # Django's says who may be framed
        assert "script-src 'self'" in policy and "unsafe" not in policy
        assert f"ws://{nginx.address}" in policy
        assert headers.get_all("X-Content-Type-Options") == ["nosniff"]
        assert headers.get_all("Referrer-Policy") == ["same-origin"]
        assert headers["Strict-Transport-Security"] is None
        assert "nginx/" not in (headers["Server"] or "")


def test_the_frames_of_cards_are_admitted_on_pages_with_posts_and_stay_so(nginx, blog):
    page = f"/liveblog/{blog}/"
    of_cards = "frame-src 'self' https://www.youtube-nocookie.com https://player.vimeo.com"
    djangos, ours = nginx.get(page)[1].get_all("Content-Security-Policy")
    assert of_cards in ours and of_cards in djangos and djangos.partition("frame-src")[2] in ours
    assert "frame-src 'self';" in nginx.get("/")[1]["Content-Security-Policy"]
    # A 304 must not replace the policy that the browser has.
    status, headers, _ = nginx.get(page, If_None_Match=nginx.get(page)[1]["ETag"])
    assert status == 304 and of_cards in headers.get_all("Content-Security-Policy")[-1]


@pytest.mark.parametrize(
    "accepts, encoding",
    [
        ("gzip, deflate, br, zstd", "gzip"),
        ("br;q=1.0, GZIP;q=0.8", "gzip"),
        ("identity", None),
        ("gzip;q=0, identity", None),
        ("", None),
    ],
)
def test_everybody_gets_the_page_in_an_encoding_that_was_asked_for(nginx, blog, accepts, encoding):
    """One copy each is kept, compressed once by Django: see `proxy_cache_key`."""
    _, headers, body = nginx.get(f"/liveblog/{blog}/", Accept_Encoding=accepts)
    assert headers["Content-Encoding"] == encoding and "Accept-Encoding" in headers["Vary"]
    assert b"To the Moon" in (gzip.decompress(body) if encoding else body)


def test_the_product_compresses_and_not_nginx_again_for_everybody(stack, blog):
    path = f"/liveblog/{blog}/"
    answer = http_request(stack.port, "GET", path, headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"


def test_tls_as_the_file_says():
    with Stack(HTTPS="1", TRUSTED_HOPS="1") as stack:
        replacements = [("https://$host$request_uri", "https://$host:8443$request_uri")]
        with Nginx(stack, tls=True, replacements=replacements) as nginx:
            certificate = nginx.folder / "var" / "nginx" / "fullchain.pem"
            trust = ssl.create_default_context(cafile=certificate)
            page = get_tls(nginx, "/liveblog/demo/", trust)
            assert page.headers.get_all("Strict-Transport-Security") == ["max-age=31536000"]
            address = f"https://{nginx.address}/liveblog/demo/"
            html = page.read().decode()
            assert f'<link rel="canonical" href="{address}">' in html
            assert f'"url": "{address}"' in html, "in the structured data"
            assert address in get_tls(nginx, "/liveblog/demo/feed/", trust).read().decode()
            login = get_tls(nginx, "/accounts/login/", trust)
            assert "Secure" in login.headers["Set-Cookie"]
            url = f"wss://{nginx.address}/channel/liveblog/demo/?after=0"
            origin = f"https://{nginx.address}"
            assert first_frame(url, origin=origin, ssl=trust)["type"] == "replay"
            with pytest.raises(urllib.error.HTTPError) as refusal:
                # Past nginx, by http: sent to https, with no cookie to steal.
                no_redirects().open(f"http://{stack.address}/accounts/login/")
            assert refusal.value.code == 301


def test_tls_over_ipv6(stack):
    with Nginx(stack, tls=True) as nginx:
        certificate = nginx.folder / "var" / "nginx" / "fullchain.pem"
        trust = ssl.create_default_context(cafile=certificate)
        url = f"https://[::1]:{nginx.port}/healthz"
        assert urllib.request.urlopen(url, timeout=PATIENCE, context=trust).status == 200


def first_frame(url, **options):
    """Of a socket over TLS. websockets' threads share the TLS object, which tears it at times."""

    async def read():
        async with connect(url, **OPTIONS | options) as socket:
            return json.loads(await asyncio.wait_for(socket.recv(), PATIENCE))

    with ThreadPoolExecutor(1) as pool:  # in the main thread, Playwright's event loop may run
        return pool.submit(asyncio.run, read()).result()


def get_tls(nginx, path, trust):
    return urllib.request.urlopen(f"https://{nginx.address}{path}", timeout=PATIENCE, context=trust)


def no_redirects():
    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_):
            return None

    return urllib.request.build_opener(Stay)


def test_a_reader_gets_a_post_over_ipv6(stack, nginx, blog):
    url = f"ws://[::1]:{nginx.port}/channel/liveblog/{blog}/?after=0"
    with Reader(url) as reader:
        assert reader.frame()["type"] == "replay"
        stack.post(blog, "Over IPv6")
        assert "Over IPv6" in reader.frame()["content"]


def test_without_worker_or_interface_server_it_says_which():
    with Stack() as stack, Nginx(stack) as nginx:
        with stopped(*stack.pids("runworker")):
            status, _, body = nginx.get("/readyz")
            assert status == 503 and b"No worker has answered this check within 10 s." in body
            assert nginx.get("/healthz")[0] == 200
        stack.stop()
        for path in ("/healthz", "/readyz"):
            status, _, body = nginx.get(path)
            assert status == 503 and b"No interface server answers." in body
