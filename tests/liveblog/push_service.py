"""A push service of the tests' own: HTTPS, and browsers that decrypt what it received."""

import base64
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.serving import serving


def unpadded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def bytes_of(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Browser:
    """What a browser has of a subscription: its keys, and the path of its endpoint."""

    def __init__(self, path: str, key: int | None = None) -> None:
        self.path = path
        curve = ec.SECP256R1()
        self.key = ec.derive_private_key(key, curve) if key else ec.generate_private_key(curve)
        self.secret = bytes(range(16))
        self.point = self.key.public_key().public_bytes(
            Encoding.X962, PublicFormat.UncompressedPoint
        )

    @property
    def keys(self) -> dict[str, str]:
        return {"p256dh": unpadded(self.point), "auth": unpadded(self.secret)}

    def decrypt(self, body: bytes) -> dict[str, Any]:
        """The content of a message, as RFC 8188 and RFC 8291 say."""
        salt, size, length = body[:16], int.from_bytes(body[16:20]), body[20]
        sender, record = body[21 : 21 + length], body[21 + length :]
        assert (length, size) == (65, 4096) and len(body) <= 4096
        peer = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender)
        shared = self.key.exchange(ec.ECDH(), peer)
        info = b"WebPush: info\0" + self.point + sender
        secret = HKDF(SHA256(), 32, self.secret, info).derive(shared)
        key = HKDF(SHA256(), 16, salt, b"Content-Encoding: aes128gcm\0").derive(secret)
        nonce = HKDF(SHA256(), 12, salt, b"Content-Encoding: nonce\0").derive(secret)
        padded = AESGCM(key).decrypt(nonce, record, None)
        assert padded.rstrip(b"\0")[-1:] == b"\x02"
        content: dict[str, Any] = json.loads(padded.rstrip(b"\0")[:-1])
        return content


class Received(NamedTuple):
    path: str
    headers: Message
    body: bytes


class PushService(ThreadingHTTPServer):
    """Stores what it receives. Answers with `answers`, one after the other, and then with 201.

    Requests from number `hold_from` on are not stored, and not answered until `released`.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, certificate: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        # In the request's thread, so that a client that says nothing holds up no other.
        self.socket = context.wrap_socket(
            self.socket, server_side=True, do_handshake_on_connect=False
        )
        self.origin = f"https://127.0.0.1:{self.server_port}"
        self.got: list[Received] = []
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.gone: set[str] = set()  # paths that are answered with 410
        self.lock = threading.Lock()
        self.hold_from: int | None = None
        self.released = threading.Event()

    def paths(self) -> list[str]:
        return [received.path for received in self.got]

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # a client that was killed


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # connections are used again
    server: PushService

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        server = self.server
        with server.lock:
            is_held = server.hold_from is not None and len(server.got) >= server.hold_from
            if not is_held:
                server.got.append(Received(self.path, self.headers, body))
        if is_held:
            server.released.wait(20)
            self.close_connection = True
            return
        status, headers = server.answers.pop(0) if server.answers else (201, {})
        if self.path in server.gone:
            status = 410
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def push_service(certificate: Path) -> Iterator[PushService]:
    """A PushService that runs while the context lasts."""
    with serving(PushService(certificate)) as server:
        try:
            yield server
        finally:
            server.released.set()


def claims_of(received: Received, public_key: str) -> dict[str, Any]:
    """The claims of the request's VAPID token, after its signature was checked (RFC 8292)."""
    scheme, _, rest = received.headers["Authorization"].partition(" ")
    parameters = dict(part.strip().split("=", 1) for part in rest.split(","))
    assert scheme == "vapid" and parameters["k"] == public_key
    content, _, signature = parameters["t"].rpartition(".")
    header, _, claims = content.partition(".")
    assert json.loads(bytes_of(header)) == {"typ": "JWT", "alg": "ES256"}
    raw = bytes_of(signature)
    r, s = int.from_bytes(raw[:32]), int.from_bytes(raw[32:])
    point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), bytes_of(public_key))
    point.verify(encode_dss_signature(r, s), content.encode(), ec.ECDSA(SHA256()))
    found: dict[str, Any] = json.loads(bytes_of(claims))
    return found
