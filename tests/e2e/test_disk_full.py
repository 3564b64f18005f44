"""SQLite on a full disk: posting is refused with a sentence, reading goes on."""

import json
import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from harness.network import http_request
from harness.redis_servers import RedisServer
from harness.waiting import wait_until

from tests.e2e.stack import Stack
from tests.e2e.test_database_lock import TOKEN, add_user, bodies, log_in, post

SIZE = "64m"
BACK_WITHIN = 10  # s after there is space again


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A file system of SIZE bytes at the folder."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        pytest.fail(f"This test mounts a tmpfs, which needs root: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def filled(folder: Path) -> Iterator[None]:
    """No byte of space is left."""
    rest = folder / "filler"
    with rest.open("wb") as file:
        size = 1 << 20
        while size:
            try:
                os.write(file.fileno(), bytes(size))
            except OSError:
                size //= 2
    try:
        yield
    finally:
        rest.unlink()


@contextmanager
def broken_writes(stack: Stack) -> Iterator[None]:
    """Each write of a worker to a file fails as on a broken disk (RLIMIT_FSIZE)."""
    workers = stack.pids("runworker")
    before = [resource.prlimit(pid, resource.RLIMIT_FSIZE) for pid in workers]
    for pid, (_, hard) in zip(workers, before, strict=True):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, hard))
    try:
        yield
    finally:
        for pid, limits in zip(workers, before, strict=True):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)


def test_a_full_disk_refuses_writes_and_nothing_else(tmp_path: Path) -> None:
    with (
        small_disk(tmp_path),
        RedisServer() as redis,
        Stack(DATA_DIR=str(tmp_path), REDIS_URL=redis.url, API_TOKENS=TOKEN) as stack,
    ):
        survive(stack, filled(tmp_path))


def test_an_io_error_refuses_writes_and_nothing_else() -> None:
    with RedisServer() as redis, Stack(REDIS_URL=redis.url, API_TOKENS=TOKEN) as stack:
        survive(stack, broken_writes(stack))


def survive(stack: Stack, fault: AbstractContextManager[None]) -> None:
    add_user(stack)
    with stack.reader() as watching:
        watching.frame()
        assert post(stack, "before").status == 201
        assert watching.frame()["content"] == "<p>before</p>"
        acknowledged = {"<p>before</p>"}
        with fault:
            # There may be space in the log, and as much again after a checkpoint.
            refusals = 0
            for number in range(1000):
                answer = post(stack, f"during-{number}")
                assert answer.status in (201, 503)
                if answer.status == 201:
                    acknowledged.add(f"<p>during-{number}</p>")
                refusals += answer.status == 503
                assert http_request(stack.port, "GET", "/liveblog/demo/").status == 200
                with stack.reader() as reader:
                    assert reader.frame()["type"] == "replay"
                if refusals == 20:
                    break
            assert answer.status == 503
            assert json.loads(answer.body)["code"] == "unavailable"
            assert int(answer.headers["Retry-After"]) > 0
            page = log_in(stack)
            assert page.status == 503
            assert "temporarily unavailable" in page.body.decode()
        wait_until(lambda: post(stack, "after").status == 201, "a post", BACK_WITHIN)
        assert watching.next(lambda f: f.get("content") == "<p>after</p>")["type"] == "update"
        assert acknowledged | {"<p>after</p>"} == set(bodies(stack))
        assert log_in(stack).status == 302
