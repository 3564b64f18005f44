"""Row 38: a webhook's request has one deadline, within which every address of its host is tried."""

import itertools
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.network import free_port

from liveblog.models import BlogUpdate, Delivery, LiveBlog, Webhook
from liveblog.webhooks import client
from liveblog.webhooks.delivery import deliver_due
from tests.certificates import make_certificate
from tests.liveblog.webhook_servers import answering, dropping_packets, hanging, receiving

pytestmark = pytest.mark.django_db

NAME = "hook.test"
DEAD, ALSO_DEAD, ALIVE = "127.0.0.9", "127.0.0.8", "127.0.0.1"
TIMEOUT = 3.0  # s
LATE = TIMEOUT + 2.0  # s: the deadline, and a busy machine
GIVEN_UP = f"no answer within {TIMEOUT:g} s"
HEADERS_WITHOUT_END = [b"HTTP/1.1 200 OK\r\nX: ", *itertools.repeat(b"x", 400)]


@pytest.fixture(autouse=True)
def timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "TIMEOUT", TIMEOUT)


@pytest.fixture
def addresses(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that the system's resolver gives for NAME; to be set."""

    def look_up(host: str, port: int, *args: object, **options: object) -> list:
        if host != NAME:
            return real(host, port, *args, **options)
        kind = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
        return [(*kind, (address, port)) for address in found]

    found: list[str] = []
    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return found


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture(autouse=True)
def blog(db: None) -> LiveBlog:
    return LiveBlog.objects.create(slug="demo", title="Demo")


def deliver_to(url: str) -> Delivery:
    """The only delivery, after it was tried; fails where that took longer than the deadline."""
    Webhook.objects.create(blog=LiveBlog.objects.get(), url=url)
    BlogUpdate.objects.create(blog=LiveBlog.objects.get(), body="Hello")
    started = time.monotonic()
    deliver_due()
    assert time.monotonic() - started < LATE
    return Delivery.objects.get()


def test_row_38_a_host_whose_first_address_is_dead_and_whose_second_answers_is_told(
    addresses: list[str], port: int
) -> None:
    addresses += [DEAD, ALIVE]
    with dropping_packets(DEAD, port), receiving(ALIVE, port) as receiver:
        delivery = deliver_to(f"http://{NAME}:{port}/hook")
    assert (delivery.status, delivery.error) == (204, "")
    assert delivery.delivered and len(receiver.got) == 1


def test_row_38_every_address_is_tried(addresses: list[str], port: int) -> None:
    """Two that are dead, one that refuses the connection, and one that answers."""
    addresses += [DEAD, ALSO_DEAD, "127.0.0.7", ALIVE]
    with (
        dropping_packets(DEAD, port),
        dropping_packets(ALSO_DEAD, port),
        receiving(ALIVE, port) as receiver,
    ):
        assert deliver_to(f"http://{NAME}:{port}/hook").delivered
    assert len(receiver.got) == 1


def test_row_38_an_answer_that_drips_is_cut_also_behind_a_dead_address(
    addresses: list[str], port: int
) -> None:
    addresses += [DEAD, ALIVE]
    with dropping_packets(DEAD, port), answering(HEADERS_WITHOUT_END, ALIVE, port):
        delivery = deliver_to(f"http://{NAME}:{port}/hook")
    assert (delivery.status, delivery.error) == (None, GIVEN_UP)


def test_row_38_a_host_without_a_living_address_is_given_up_after_one_deadline(
    addresses: list[str], port: int
) -> None:
    addresses += [DEAD, ALSO_DEAD]
    with dropping_packets(DEAD, port), dropping_packets(ALSO_DEAD, port):
        assert deliver_to(f"http://{NAME}:{port}/hook").error == GIVEN_UP


def test_row_38_a_resolver_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()

    def look_up(*args: object, **options: object) -> list:
        ended.wait(60)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    try:
        assert deliver_to(f"http://{NAME}/hook").error == GIVEN_UP
    finally:
        ended.set()


def test_row_38_a_tls_handshake_that_hangs_is_cut() -> None:
    with hanging() as url:
        assert deliver_to(url.replace("http:", "https:")).error == GIVEN_UP


def test_row_38_a_name_that_does_not_exist_is_a_failure_with_a_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def look_up(*args: object, **options: object) -> list:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    assert deliver_to(f"http://{NAME}/hook").error == "Name or service not known"


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1 and its key, in one file."""
    path = tmp_path / "certificate.pem"
    make_certificate(path, path)
    return path


@pytest.mark.parametrize("trusted", [True, False])
def test_row_38_certificates_are_verified(
    certificate: Path, trusted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with receiving() as receiver:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(certificate)
        receiver.socket = tls.wrap_socket(receiver.socket, server_side=True)
        delivery = deliver_to(receiver.url.replace("http:", "https:"))
    assert bool(delivery.delivered) == bool(receiver.got) == trusted
    assert trusted or "certificate verify failed" in delivery.error


@pytest.fixture
def refused_addresses(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Refuses every address where its socket is made, and lists them."""

    def refuse(address: tuple, **options: object) -> socket.socket:
        refused.append(address[4][0])
        raise OSError("not allowed")

    refused: list[str] = []
    monkeypatch.setattr(client, "open_socket", refuse)
    return refused


@pytest.mark.parametrize("host", [NAME, ALIVE])
def test_row_38_every_address_passes_one_place_looked_up_or_not(
    addresses: list[str], refused_addresses: list[str], port: int, host: str
) -> None:
    addresses += [ALIVE]
    with receiving(ALIVE, port) as receiver:
        delivery = deliver_to(f"http://{host}:{port}/hook")
    assert refused_addresses == [ALIVE]
    assert (delivery.delivered, receiver.got, delivery.error) == (None, [], "not allowed")
