"""Row 47: uploads that workers do not take, encrypted ones, and those of strangers."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from channels_realtime.memory_budget import Budget
from harness.clients import read_until, status_of
from harness.stack import Stack
from harness.waiting import PATIENCE, wait_until

MIB = 1 << 20
BODY = bytes(10 * MIB)
BUDGET = 256 * MIB
PARTS = Budget.of(BUDGET)
# jemalloc rounds an entry up by a quarter at most. Beside what waits, Redis holds copies of one
# body: as it is read from the connection, as the script's argument, and with its time stamp.
REDIS_BOUND = PARTS.requests * 5 // 4 + 4 * len(BODY)


def announce(path, length, *headers):
    """The header of an upload."""
    lines = (f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {length}", *headers)
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def memory(stack, name="used_memory"):
    return stack.redis.info("memory")[name]


def waiting_requests(stack):
    return stack.redis.llen(f"{stack.layer.prefix}http.request")


@pytest.fixture
def unserved():
    """An interface server with a small budget, without workers, and its stack."""
    with Stack() as stack:
        yield stack, stack.interface("--memory-budget", str(BUDGET))


def may_upload(front):
    """Whether the server would take a long body now; it is asked as curl asks."""
    with front.raw() as connection:
        connection.sendall(announce("/upload/", len(BODY), "Expect: 100-continue"))
        return status_of(connection) == 100


def fill(stack, front, pool):
    """Upload until the server refuses; the uploads that wait for workers."""
    waiting = []
    while may_upload(front) and len(waiting) < 12:
        waiting.append(pool.submit(front.request, "POST", "/upload/", BODY))
        wait_until(lambda: waiting_requests(stack) == len(waiting), "an upload in Redis")
    return waiting


def test_row_47_uploads_that_workers_do_not_take_keep_redis_within_its_bound(unserved):
    stack, front = unserved
    before = memory(stack)
    with ThreadPoolExecutor(12) as pool:
        uploads = [pool.submit(front.request, "POST", "/upload/", BODY) for _ in range(12)]
        wait_until(
            lambda: sum(u.done() for u in uploads) + waiting_requests(stack) == len(uploads),
            "every upload to be refused or to wait",
        )
        refused = [upload.result() for upload in uploads if upload.done()]
        assert {response.status for response in refused} == {503}
        assert all(response.headers["Retry-After"] for response in refused)
        assert all(
            response.body == b"Busy; please try again in a moment.\n" for response in refused
        )
        assert 0 < waiting_requests(stack) <= PARTS.large_bodies / len(BODY)
        assert memory(stack, "used_memory_peak") - before <= REDIS_BOUND
        stack.worker()
        served = [upload.result() for upload in uploads]
    assert {response.status for response in served if response not in refused} == {200}
    wait_until(lambda: memory(stack) - before < 5 * MIB, "Redis's memory to return")
    # All of it is free again.
    assert front.request("POST", "/upload/", BODY).status == 200


def test_row_47_pages_and_short_posts_are_served_while_uploads_are_refused(unserved):
    stack, front = unserved
    with ThreadPoolExecutor(12) as pool:
        uploads = fill(stack, front, pool)
        post = pool.submit(front.request, "POST", "/upload/", b"a short post")
        page = pool.submit(front.request, "GET", "/ready/")
        wait_until(lambda: waiting_requests(stack) == len(uploads) + 2, "both in Redis")
        stack.worker()
        assert (post.result().status, page.result().status) == (200, 200)


def test_row_47_a_client_that_hangs_up_makes_no_room_for_the_next_upload(unserved):
    """Its body still waits in Redis."""
    stack, front = unserved
    before = memory(stack)
    uploads = 0
    while may_upload(front) and uploads < 12:
        with front.raw() as connection:
            connection.sendall(announce("/upload/", len(BODY)) + BODY)
            uploads += 1
            wait_until(lambda: waiting_requests(stack) == uploads, "the upload in Redis")  # noqa: B023
    assert 0 < uploads < 12
    assert memory(stack) - before <= REDIS_BOUND


def test_row_47_a_client_that_asks_first_is_not_told_to_go_on(unserved):
    stack, front = unserved
    with ThreadPoolExecutor(12) as pool:
        fill(stack, front, pool)
        with front.raw() as connection:
            connection.sendall(announce("/upload/", len(BODY), "Expect: 100-continue"))
            answer = b""
            while data := connection.recv(4096):
                answer += data
        stack.worker()
    assert answer.startswith(b"HTTP/1.1 503 ") and b"100 Continue" not in answer


def test_row_47_others_are_served_while_a_body_is_encrypted():
    with Stack() as stack, ThreadPoolExecutor(2) as pool:
        front = stack.interface(SMALL_KEYS="key", SMALL_HELD_PACKING="1")
        stack.worker(SMALL_KEYS="key")
        upload = pool.submit(front.request, "POST", "/upload/", bytes(MIB))
        stack.wait_for_lines("packing", 1)
        try:
            page = pool.submit(front.request, "GET", "/ready/")
            assert page.result(timeout=PATIENCE / 2).status == 200
            assert not upload.done()
        finally:
            stack.redis.set("gate:pack", 1)
        assert (upload.result().status, upload.result().body) == (200, str(MIB).encode())


@pytest.fixture(scope="module")
def guarded():
    """An interface server that caps anonymous uploads."""
    with Stack() as stack:
        front = stack.interface("--max-anonymous-upload", "1000", "--session-cookie", "crumb")
        stack.worker()
        yield front


@pytest.mark.parametrize("header", ["Accept: */*", "Cookie: sessionid=1", "Cookie: xcrumb=crumb"])
def test_row_47_an_anonymous_upload_is_refused_before_its_body_is_read(guarded, header):
    with guarded.raw() as connection:
        connection.sendall(announce("/upload/", 1001, header))
        answer = read_until(connection, b"bytes.\n")
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"Without a session or an Authorization header" in answer


def test_row_47_an_anonymous_upload_of_unknown_length_is_refused_where_it_grows_too_long(guarded):
    with guarded.raw() as connection:
        connection.sendall(
            b"POST /upload/ HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"3e9\r\n" + bytes(1001) + b"\r\n"
        )
        assert status_of(connection) == 413


@pytest.mark.parametrize(
    ("headers", "length"),
    [
        ({}, 1000),
        ({"Cookie": "a=b; crumb=1"}, 100_000),
        ({"Authorization": "Bearer token"}, 100_000),
    ],
)
def test_row_47_sessions_tokens_and_short_anonymous_posts_are_let_through(guarded, headers, length):
    response = guarded.request("POST", "/upload/", bytes(length), headers)
    assert (response.status, response.body) == (200, str(length).encode())
