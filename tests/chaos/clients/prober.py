"""Requests pages, posts, and opens sockets while a fault lasts, and judges every response."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.sync.client import connect

EVERY = 0.5  # s between two requests of a kind
PATIENCE = 15.0  # s; longer than every deadline of the product except --http-timeout
SHORTEST = 12  # characters of an error message
# Close codes that are allowed for an accepted socket.
CODES = {1001, 1009, 1012, 1013, 4401, 4403, 4404, 4410, 4429}


@dataclass(frozen=True)
class Outcome:
    """The result of a request.

    Args:
        began: Seconds from the first request.
        verdict: served, refused, silent, traceback, wordless, late.
    """

    kind: str
    began: float
    verdict: str
    detail: str
    seconds: float


@dataclass
class Findings:
    """All outcomes during one fault, and the writes acknowledged meanwhile."""

    outcomes: list[Outcome] = field(default_factory=list)
    acks: list[dict[str, Any]] = field(default_factory=list)

    def served(self, since: float = 0.0) -> float | None:
        """The share of served requests, among those that began after `since` s."""
        counted = [each.verdict == "served" for each in self.outcomes if each.began >= since]
        return sum(counted) / len(counted) if counted else None

    def refusals(self) -> dict[str, int]:
        """Each outcome other than served, with its number."""
        found = Counter(
            f"{each.kind}: {each.verdict} {each.detail}"[:120]
            for each in self.outcomes
            if each.verdict != "served"
        )
        return dict(found.most_common())

    def violations(self, may_be_cut: bool, may_be_lost: bool) -> list[str]:
        """Sentences about outcomes that no fault excuses.

        Args:
            may_be_cut: Whether the fault ends the process that holds the connections.
            may_be_lost: Whether requests in progress may be lost.
        """
        excused = {"served", "refused"}
        excused |= {"silent"} if may_be_cut else set()
        excused |= {"late"} if may_be_cut or may_be_lost else set()
        bad = Counter(
            f"{each.kind} got a bad response ({each.verdict}): {each.detail}"[:200]
            for each in self.outcomes
            if each.verdict not in excused
        )
        return [f"{number} times {sentence}" for sentence, number in bad.most_common(5)]


class Prober:
    """A context manager: sends requests while it lasts; `findings` are complete after join()."""

    def __init__(self, address: str, slug: str, token: str) -> None:
        self.address, self.slug, self.token = address, slug, token
        self.findings = Findings()
        self.ended = threading.Event()

    def __enter__(self) -> Prober:
        kinds = (self.page, self.updates, self.post, self.handshake, self.missing)
        self.threads = [
            threading.Thread(target=self.ask, args=[each], daemon=True) for each in kinds
        ]
        self.started = time.monotonic()
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()

    def join(self, patience: float) -> None:
        """Wait for the outstanding responses, at most `patience` s."""
        deadline = time.monotonic() + patience
        for thread in self.threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def ask(self, question: Callable[[], tuple[str, str]]) -> None:
        while not self.ended.is_set():
            started = time.monotonic()
            verdict, detail = question()
            seconds = time.monotonic() - started
            began = started - self.started
            outcome = Outcome(question.__name__, began, verdict, detail, seconds)
            self.findings.outcomes.append(outcome)
            self.ended.wait(EVERY)

    # The kinds of requests; each returns (verdict, detail)

    def page(self) -> tuple[str, str]:
        return judge(*self.request("GET", f"/liveblog/{self.slug}/"))

    def updates(self) -> tuple[str, str]:
        return judge(*self.request("GET", f"/liveblog/{self.slug}/updates.json?after=0"))

    def missing(self) -> tuple[str, str]:
        """Request a URL that does not exist: it is answered with 404 and logged."""
        verdict, detail = judge(*self.request("GET", "/missing/"))
        return ("served", "") if detail.startswith("404 ") else (verdict, detail)

    def post(self) -> tuple[str, str]:
        status, text, _ = answer = self.request(*posting(self.slug, self.token))
        if status == 201:
            self.findings.acks.append(acknowledged(text))
        return judge(*answer)

    def request(self, *request: Any) -> tuple[int, str, str]:
        return ask(self.address, *request)

    def handshake(self) -> tuple[str, str]:
        """Open a socket: served means accepted and sent a replay."""
        address = f"ws://{self.address}/channel/liveblog/{self.slug}/?after=0"
        try:
            with connect(address, open_timeout=PATIENCE, close_timeout=1, proxy=None) as socket:
                frame = json.loads(socket.recv(timeout=PATIENCE))
                return "served", frame["type"]
        except InvalidStatus as refusal:
            response = refusal.response
            return judge(response.status_code, (response.body or b"").decode(errors="replace"), "")
        except ConnectionClosed as closed:
            frame = closed.rcvd
            code = frame.code if frame else 1006
            verdict = "refused" if code in CODES else "silent"
            return verdict, f"close code {code} {frame.reason if frame else ''}"
        except TimeoutError:
            return "late", f"no response within {PATIENCE:g} s"
        except (OSError, EOFError, InvalidHandshake) as error:
            return "silent", f"{type(error).__name__}: {error}"


def posting(slug: str, token: str) -> tuple[str, str, str, dict[str, str]]:
    """A request to the token API that creates an update with a new key."""
    key = str(uuid4())
    headers = {
        "Authorization": f"Bearer {token}",
        "Idempotency-Key": key,
        "Content-Type": "application/json",
    }
    body = json.dumps({"body": f"{key} in version 0"})
    return "POST", f"/api/liveblogs/{slug}/updates/", body, headers


def acknowledged(text: str) -> dict[str, Any]:
    """The response to posting(), in the form that Truth expects."""
    ack = json.loads(text)
    sent = {"body": f"{ack['key']} in version 0", "pinned": False}
    return {"ack": ack, "kind": "create", "sent": sent, "via": "api"}


def ask(
    address: str,
    method: str,
    path: str,
    body: str | None = None,
    headers: dict[str, str] | None = None,
    patience: float = PATIENCE,
) -> tuple[int, str, str]:
    """Returns (status, text, ""), or (0, "", error)."""
    with contextlib.closing(http.client.HTTPConnection(address, timeout=patience)) as client:
        try:
            client.request(method, path, body, headers or {})
            response = client.getresponse()
            return response.status, response.read().decode(errors="replace"), ""
        except TimeoutError:
            return 0, "", f"late: no response within {patience:g} s"
        except (OSError, http.client.HTTPException) as error:
            return 0, "", f"{type(error).__name__}: {error}"


def judge(status: int, text: str, error: str) -> tuple[str, str]:
    """The (verdict, detail) of a response."""
    detail = f"{status} {' '.join(text.split())[:80]}"
    if error:
        return ("late" if error.startswith("late") else "silent"), error
    if "Traceback (most recent call last)" in text:
        return "traceback", detail
    if 200 <= status < 400:
        return "served", ""
    return ("refused" if len(text.strip()) >= SHORTEST else "wordless"), detail
