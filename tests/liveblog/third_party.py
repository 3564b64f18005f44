"""Another site, whose pages posts link to. It runs on this machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from tests.serving import serving

PAGE = """<!doctype html><html><head><meta charset="utf-8"><title>Only the tab</title>
<meta property="og:title" content="Landing site &amp; rocks">
<meta property="og:site_name" content="Moon Times">
<meta property="og:description" content="What lies there.">
<meta name="author" content="Ann">
<meta property="og:image" content="/picture.png"></head><body>…</body></html>"""


class Answer(NamedTuple):
    """`location`: of a redirect."""

    content: bytes = b""
    kind: str = "text/html; charset=utf-8"
    status: int = 200
    location: str = ""


class OtherSite(ThreadingHTTPServer):
    """Answers by path, with 404 where there is nothing; `requested`: the paths, in order."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server_port}"
        self.answers: dict[str, Answer] = {}
        self.requested: list[str] = []

    def has(self, path: str, text: str = PAGE) -> str:
        """Serve the page; returns its address."""
        self.answers[path] = Answer(text.encode())
        return self.address + path


class Handler(BaseHTTPRequestHandler):
    server: OtherSite

    def do_GET(self) -> None:
        self.server.requested.append(self.path)
        answer = self.server.answers.get(self.path, Answer(status=404))
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.kind)
        if answer.location:
            self.send_header("Location", answer.location)
        self.end_headers()
        self.wfile.write(answer.content)

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def other_site() -> Iterator[OtherSite]:
    """An OtherSite that runs while the context lasts."""
    with serving(OtherSite()) as server:
        yield server
