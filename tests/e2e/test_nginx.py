"""The top-level nginx.conf, in real nginx, in front of the whole product."""

import contextlib
import gzip
import http.client
import os
import re
import resource
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.conf import settings
from harness.network import free_port, http_request
from harness.process import stopped
from harness.waiting import PATIENCE, wait_until
from playwright.sync_api import expect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tests.e2e.browsing import connection, contents
from tests.e2e.stack import ROOT, Reader, Stack
from tests.nginx import NginxServer, replaced

MIB = 1 << 20
SILENT = 3000  # connections
STALE_AT_MOST = 2  # s; the promised age of a poll's answer
CONF = (ROOT / "nginx.conf").read_text()
READER_SCRIPT = re.compile(rb'src="(/static/liveblog/reader/stream/reader\.[0-9a-f]{12}\.js)"')


class Nginx(NginxServer):
    """nginx in front of the stack, started as the file says, with other ports.

    `open_folder`: whether nginx's workers can reach its folder where they are not who started it.
    Pytest's own folders are closed to others, and so are the stack's.
    `replacements`: of text of the file, besides the ports.
    """

    def __init__(
        self,
        stack: Stack,
        *,
        open_folder: bool = True,
        tls: bool = False,
        replacements: Sequence[tuple[str, str]] = (),
    ) -> None:
        super().__init__(CONF)
        self.stack = stack
        self.open_folder = open_folder
        self.tls = tls
        self.address = f"127.0.0.1:{self.port}"
        port = 8443 if tls else 8080
        if tls:
            self.text = with_tls(CONF).replace("0.0.0.0:8080 ", f"127.0.0.1:{free_port()} ")
            self.text = self.text.replace("[::]:8080 ", f"[::1]:{free_port()} ")
        ports = [
            ("127.0.0.1:8000;", f"{stack.address};"),
            (f"listen {port} ", f"listen 0.0.0.0:{self.port} "),
            (f"\n        listen [::]:{port} ", f"\nlisten [::1]:{self.port} "),
        ]
        self.text = replaced(self.text, [*ports, *replacements])

    def prepare(self, folder: Path) -> None:
        super().prepare(folder)
        (folder / "var" / "nginx").mkdir(parents=True)
        for name in ("static", "media"):
            (folder / "var" / name).symlink_to(f"{self.stack.folder.name}/{name}")
        if self.tls:
            make_certificate(folder / "var" / "nginx")
        if self.open_folder:
            os.chmod(self.stack.folder.name, 0o755)
        else:
            folder.chmod(0o700)

    def get(
        self, path: str, source: str = "127.0.0.1", **headers: str
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """(status, headers, body) of one request from that address of this machine."""
        host = "::1" if source == "::1" else "127.0.0.1"
        connection = http.client.HTTPConnection(
            host, self.port, timeout=PATIENCE, source_address=(source, 0)
        )
        with contextlib.closing(connection):
            names = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request("GET", path, headers=names)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()


def with_tls(text: str) -> str:
    """What the file says to do for TLS: without the lines #plain#, with those after #tls#."""
    lines = [line for line in text.splitlines() if "#plain#" not in line]
    return "\n".join(line.replace("#tls# ", "") for line in lines) + "\n"


@pytest.fixture(scope="module")
def nginx(stack):
    with Nginx(stack) as nginx:
        yield nginx


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


def test_a_client_cannot_move_the_site_or_name_its_own_address(nginx):
    page = nginx.get("/", Daphne_Root_Path="/elsewhere", Cookie="sessionid=past-the-cache")[2]
    assert b"/elsewhere" not in page
    told = nginx.get("/raw/", X_Forwarded_For="6.6.6.6", Forwarded="for=6.6.6.6")[2].decode()
    assert "6.6.6.6" not in told and "forwarded," not in told and "daphne-root-path" not in told


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


def requests_made(stack):
    layer_count = (
        "from channels import channel_layers as c;"
        "print(c['default'].channel_statistics('http.request')['messages_count'])"
    )
    return int(stack.shell(layer_count))


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
            with Reader(url, origin=f"https://{nginx.address}", ssl=trust) as reader:
                assert reader.frame()["type"] == "replay"
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


def get_tls(nginx, path, trust):
    return urllib.request.urlopen(f"https://{nginx.address}{path}", timeout=PATIENCE, context=trust)


def no_redirects():
    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_):
            return None

    return urllib.request.build_opener(Stay)


def make_certificate(folder: Path) -> None:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        + ["-nodes", "-keyout", "privkey.pem", "-out", "fullchain.pem", "-days", "2"]
        + ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1,IP:::1"],
        cwd=folder,
        check=True,
        capture_output=True,
    )


# Bad input at the door; docs/security.md has this table


def raw(nginx, data, source="127.0.0.1"):
    """The status of the answer to these bytes; None where the connection just ends."""
    with socket.create_connection(
        ("127.0.0.1", nginx.port), PATIENCE, source_address=(source, 0)
    ) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(data)
        answer = b""
        with contextlib.suppress(ConnectionError):
            while b"\r\n" not in answer and (more := connection.recv(4096)):
                answer += more
        found = re.match(rb"HTTP/1.1 (\d+)", answer)
        return int(found[1]) if found else None


HOST = b"Host: localhost\r\n"
DOOR = {
    "a header line over 16 KiB": (b"GET / HTTP/1.1\r\nX: " + b"a" * 17_000 + b"\r\n\r\n", 400),
    "an address over 16 KiB": (b"GET /" + b"a" * 17_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414),
    "headers over 64 KiB": (
        b"GET / HTTP/1.1\r\n" + HOST + (b"X: " + b"a" * 9_000 + b"\r\n") * 9 + b"\r\n",
        400,
    ),
    "a path that is no UTF-8": (b"GET /liveblog/%ff%fe/ HTTP/1.1\r\n" + HOST + b"\r\n", 404),
    "raw bytes in the path": (b"GET /liveblog/\xff\xfe/ HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a path with a NUL": (b"GET /liveblog/%00/ HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "no Host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "a foreign Host": (b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", 400),
    "two lengths": (
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
        400,
    ),
    "length and chunks": (
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        400,
    ),
    "a body over 10 MiB": (
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 10485761\r\n\r\n",
        413,
    ),
    "no HTTP at all": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
}


@pytest.mark.parametrize("what", DOOR)
def test_bad_input_at_the_door_has_its_answer(nginx, what):
    data, status = DOOR[what]
    assert raw(nginx, data) == status
    assert nginx.get("/healthz")[0] == 200


def test_a_body_up_to_10_mib_reaches_the_product_and_no_longer_one(nginx):
    def post(size):
        request = urllib.request.Request(
            f"http://{nginx.address}/accounts/login/",
            data=bytes(size),
            headers={"Cookie": "sessionid=any"},
            method="POST",
        )
        with pytest.raises(urllib.error.HTTPError) as refusal:
            urllib.request.urlopen(request, timeout=PATIENCE)
        return refusal.value.code

    assert post(3 * MIB) in (400, 403)  # Django's, which wants a CSRF token and fields
    assert post(10 * MIB + 1) == 413


def test_a_long_body_of_an_anonymous_request_is_refused(nginx):
    def post(size):
        request = urllib.request.Request(
            f"http://{nginx.address}/accounts/login/", data=bytes(size), method="POST"
        )
        with pytest.raises(urllib.error.HTTPError) as refusal:
            urllib.request.urlopen(request, timeout=PATIENCE)
        return refusal.value.code, refusal.value.read()

    assert post(200_000)[0] in (400, 403)  # the longest text of a form
    code, sentence = post(300_000)
    assert code == 413 and b"Without a session" in sentence


@pytest.fixture(scope="module")
def strict(stack):
    """nginx with the limits of an address so low that a test reaches them soon."""
    lower = (
        ("zone=requests:10m rate=50r/s", "zone=requests:10m rate=1r/m"),
        ("zone=admin:10m rate=5r/s", "zone=admin:10m rate=1r/m"),
        ("limit_conn sockets 1000", "limit_conn sockets 5"),
        ("client_header_timeout 10s", "client_header_timeout 1s"),
        ("client_body_timeout 10s", "client_body_timeout 1s"),
        ("location / {\n            limit_req zone=requests burst=200", LOCATION_LOW),
        ("zone=admin burst=50", "zone=admin burst=5"),
        ("zone=handshakes burst=500", "zone=handshakes burst=20"),
        ("zone=handshakes:10m rate=50r/s", "zone=handshakes:10m rate=1r/s"),
        # The test says which address a request over IPv6 comes from.
        ("server_tokens off;", "set_real_ip_from ::1; real_ip_header X-Test-Address;"),
    )
    with Nginx(stack, replacements=lower) as nginx:
        yield nginx


LOCATION_LOW = "location / {\n            limit_req zone=requests burst=9"


@pytest.mark.parametrize("path, allowed", [("/", 10), ("/admin/login/", 6)])
def test_too_many_requests_of_one_address_are_answered_429(strict, path, allowed):
    source = "127.0.0.2"
    answers = [strict.get(path, source)[0] for _ in range(allowed + 5)]
    assert answers[:allowed] == [200] * allowed and set(answers[allowed:]) == {429}
    assert strict.get(path, "127.0.0.3")[0] == 200  # somebody else's address is not held to it


def test_addresses_of_one_ipv6_network_share_a_limit(strict):
    def get(address):
        return strict.get("/", "::1", X_Test_Address=address)[0]

    answers = [get(f"2001:db8:0:1::{number:x}:0a0d") for number in range(12)]
    assert answers == [200] * 10 + [429] * 2
    assert get("2001:db8:0:2::1") == 200
    assert [get("::1") for _ in range(12)] == [200] * 12  # this machine's are not limited


def test_a_reader_gets_a_post_over_ipv6(stack, nginx, blog):
    url = f"ws://[::1]:{nginx.port}/channel/liveblog/{blog}/?after=0"
    with Reader(url) as reader:
        assert reader.frame()["type"] == "replay"
        stack.post(blog, "Over IPv6")
        assert "Over IPv6" in reader.frame()["content"]


def test_too_many_sockets_of_one_address_are_answered_429(strict, blog):
    url = f"ws://{strict.address}/channel/liveblog/{blog}/"
    options = {"proxy": None, "open_timeout": PATIENCE}
    with contextlib.ExitStack() as sockets:
        for _ in range(5):
            sockets.enter_context(connect(url, source_address=("127.0.0.4", 0), **options))
        with pytest.raises(InvalidStatus) as refusal:
            connect(url, source_address=("127.0.0.4", 0), **options)
        assert refusal.value.response.status_code == 429
        sockets.enter_context(connect(url, source_address=("127.0.0.5", 0), **options))


@pytest.mark.parametrize(
    ("path", "address"), [("/accounts/login/", "127.0.0.6"), ("/accounts/reset/", "127.0.0.61")]
)
def test_guessing_passwords_is_answered_429(nginx, path, address):
    answers = []
    for _ in range(30):  # one more is allowed every 5 s
        connection = http.client.HTTPConnection(
            "127.0.0.1", nginx.port, timeout=PATIENCE, source_address=(address, 0)
        )
        with contextlib.closing(connection):
            connection.request("POST", path, body=b"username=a&password=b")
            answers.append(connection.getresponse().status)
    assert answers[0] == 403 and answers[-1] == 429


def test_a_header_or_a_body_that_comes_drop_by_drop_is_given_up(strict):
    assert raw(strict, b"GET / HTTP/1.1\r\nHost: loc", "127.0.0.7") in (408, None)
    slow = b"POST /accounts/login/ HTTP/1.1\r\n" + HOST + b"Content-Length: 100\r\n\r\nuser"
    assert raw(strict, slow, "127.0.0.7") in (408, None)


def test_thousands_of_silent_connections_keep_nobody_out(strict):
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with contextlib.ExitStack() as silent:
        connections = []
        for _ in range(SILENT):
            connection = silent.enter_context(socket.socket())
            connection.settimeout(PATIENCE)
            connection.bind(("127.0.0.8", 0))
            connection.connect(("127.0.0.1", strict.port))
            connections.append(connection)
        assert strict.get("/", "127.0.0.9")[0] == 200
        assert {connection.recv(1) for connection in connections} == {b""}


@pytest.mark.parametrize("pieces", [1, 3])
def test_a_message_over_1_mib_is_closed_with_1009(nginx, blog, pieces):
    with Reader(f"ws://{nginx.address}/channel/liveblog/{blog}/") as reader:
        with contextlib.suppress(ConnectionClosed):
            reader.socket.send(["x" * (MIB // pieces + 1)] * pieces)
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                reader.socket.recv(timeout=PATIENCE)
        assert closed.value.rcvd.code == 1009


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
