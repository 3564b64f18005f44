"""The top-level nginx.conf, in real nginx, in front of the whole product."""

import os
import shutil
import signal
import subprocess
import urllib.error
import urllib.request

import pytest

from tests.e2e.stack import ROOT, Reader
from tests.services import PATIENCE, free_port, wait_until

MIB = 1 << 20


@pytest.fixture(scope="module")
def nginx(stack, tmp_path_factory):
    """The address of nginx, started as the file says, with other ports."""
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    assert program, "There is no nginx; install it: apt-get install nginx"
    # As root this folder is closed to nginx's workers, as a checkout in a home folder is.
    prefix = tmp_path_factory.mktemp("nginx")
    (prefix / "var").mkdir()
    port = free_port()
    text = (ROOT / "nginx.conf").read_text()
    assert text.count("127.0.0.1:8000;") == text.count("listen 8080 ") == 1
    text = text.replace("127.0.0.1:8000;", f"{stack.address};")
    text = text.replace("listen 8080 ", f"listen 127.0.0.1:{port} ")
    (prefix / "nginx.conf").write_text(text)
    command = [program, "-e", "stderr", "-p", prefix, "-c", "nginx.conf"]
    process = subprocess.Popen([*command, "-g", "daemon off;"])
    address = f"127.0.0.1:{port}"

    def answers():
        assert process.poll() is None, "nginx ended; its reason is above"
        try:
            return get(address, "/healthz").status == 200
        except OSError:
            return False

    wait_until(answers, "an answer through nginx")
    yield address
    process.send_signal(signal.SIGQUIT)
    process.wait(PATIENCE)
    assert list((prefix / "var" / "nginx").glob("[0-9]*")) == []


def get(address, path, **options):
    request = urllib.request.Request(f"http://{address}{path}", **options)
    return urllib.request.urlopen(request, timeout=PATIENCE)


def test_the_page_and_its_script_come_through(nginx, blog):
    assert b"To the Moon" in get(nginx, f"/liveblog/{blog}/").read()
    assert b"WebSocket" in get(nginx, "/static/liveblog/reader.js").read()


def test_a_reader_gets_a_post(stack, nginx, blog):
    url = f"ws://{nginx}/channel/liveblog/{blog}/?after=0"
    with Reader(url, origin=f"http://{nginx}") as reader:
        assert reader.frame()["type"] == "replay"
        stack.manage("post", blog, "Through nginx")
        assert reader.frame()["content"] == "<p>Through nginx</p>"


def test_an_ordinary_request_for_a_socket_is_answered(nginx, blog):
    with pytest.raises(urllib.error.HTTPError) as refusal:
        get(nginx, f"/channel/liveblog/{blog}/")
    assert refusal.value.code == 404


def test_a_body_up_to_10_mib_reaches_the_product_and_no_longer_one(nginx):
    def post(size):
        with pytest.raises(urllib.error.HTTPError) as refusal:
            get(nginx, "/accounts/login/", data=bytes(size), method="POST")
        return refusal.value.code

    assert post(3 * MIB) in (400, 403)  # Django's, which wants a CSRF token and fields
    assert post(10 * MIB + 1) == 413


def test_a_client_cannot_move_the_site(nginx):
    page = get(nginx, "/", headers={"Daphne-Root-Path": "/elsewhere"}).read()
    assert b"/elsewhere" not in page
