"""Rooms with a message envelope: over the socket, from Python, over HTTP."""

import json
import urllib.error
import urllib.request

import pytest
from harness.waiting import PATIENCE

from conversations.json_text import LONGEST_FRAME
from conversations.rate_limits import PUSHES
from tests.consumers.conftest import BAD_JSON, TOKEN

HEARTBEAT = {"msg": "heartbeat", "code": 200, "data": []}


@pytest.fixture
def reader(connect, room):
    reader = connect(f"/channel/heartbeat/{room}/")
    assert reader.frame() == HEARTBEAT
    return reader


@pytest.fixture
def post(stack, room):
    """post(body, token): (status, envelope, headers)."""

    def post(body, token=TOKEN, room=room, method="POST", scheme="Bearer"):
        headers = {"Authorization": f"{scheme} {token}"} if token else {}
        url = f"http://{stack.address}/api/rooms/{room}/"
        request = urllib.request.Request(url, body, headers, method=method)
        try:
            answer = urllib.request.urlopen(request, timeout=PATIENCE)
        except urllib.error.HTTPError as refusal:
            answer = refusal
        with answer:
            return answer.status, json.load(answer), answer.headers

    return post


def test_a_new_socket_gets_one_heartbeat_and_so_does_the_room(connect, room, reader):
    newcomer = connect(f"/channel/heartbeat/{room}/")
    assert newcomer.frame() == reader.frame() == HEARTBEAT
    newcomer.send({"message": {"goal": [1, 0]}, "ignored": True})
    expected = {"msg": "success", "code": 200, "data": {"message": {"goal": [1, 0]}}}
    assert newcomer.frame() == reader.frame() == expected


def test_python_pushes_values_and_rows(stack, reader, room):
    stack.shell(
        "from datetime import date; from decimal import Decimal;"
        "from django.contrib.auth.models import Group;"
        "from consumers.rooms import push;"
        "Group.objects.bulk_create([Group(name='one'), Group(name='two')]);"
        f"push({room!r}, {{'on': date(2024, 2, 29), 'price': Decimal('1.50')}}, 'dated', 201);"
        "rows = Group.objects.filter(name__in=['one', 'two']).order_by('name');"
        f"push({room!r}, rows);"
        f"push({room!r}, rows.values('name'));"
        f"push({room!r}, Group.objects.get(name='one'));"
        f"push({room!r}, Group.objects.none())"
    )
    data = {"on": "2024-02-29", "price": "1.50"}
    assert reader.frame() == {"msg": "dated", "code": 201, "data": data}
    rows = reader.frame()["data"]
    assert [row["fields"]["name"] for row in rows] == ["one", "two"]
    assert {row["model"] for row in rows} == {"auth.group"}
    assert reader.frame()["data"] == [{"name": "one"}, {"name": "two"}]
    assert reader.frame()["data"] == rows[0]
    assert reader.frame()["data"] == []


def test_data_that_is_not_json_raises_and_is_not_sent(stack, reader, room):
    printed = stack.shell(
        "from consumers.rooms import push\n"
        "for data in (object(), float('nan'), 'x' * 70_000, '\\ud800', {1: {2: {3}}}):\n"
        "    try:\n"
        f"        push({room!r}, data)\n"
        "    except Exception as error:\n"
        "        print(type(error).__name__)\n"
    )
    assert printed.split() == ["Refusal"] * 5
    reader.send({"message": "nothing came before"})
    assert reader.frame()["data"] == {"message": "nothing came before"}


def test_http_pushes_and_answers_with_the_envelope(reader, post):
    status, envelope, _ = post(b'{"message": "\xe4\xb8\xad"}')
    assert (status, envelope) == (200, {"msg": "success", "code": 200, "data": {"message": "中"}})
    assert reader.frame() == envelope
    whole = {"msg": "stopped", "code": 418, "data": [1]}
    assert post(json.dumps(whole).encode())[:2] == (200, whole)
    assert reader.frame() == whole
    assert post(b"[]")[1]["data"] == reader.frame()["data"] == []


@pytest.mark.parametrize("token", [None, "wrong", "", TOKEN[:-1], "\xff"])
def test_without_a_token_it_is_401(post, token):
    status, envelope, headers = post(b"{}", token)
    assert (status, envelope["code"], envelope["data"]) == (401, 401, [])
    assert envelope["msg"].endswith(".") and headers["WWW-Authenticate"] == "Bearer"


@pytest.fixture
def guessed(stack):
    """Somebody at our address has sent many wrong tokens."""
    start = "from conversations.api_tokens import GUESSES, key, redis\n"
    stack.shell(f"{start}GUESSES.count('127.0.0.1', GUESSES.most)")
    yield
    stack.shell(f"{start}redis().delete(key('rate', GUESSES.name, '127.0.0.1'))")


def test_too_many_wrong_tokens_are_429_and_a_program_goes_on(post, request):
    assert post(b"{}")[0] == 200
    request.getfixturevalue("guessed")
    status, envelope, headers = post(b"{}", "wrong")
    assert (status, envelope["code"]) == (429, 429) and envelope["msg"].endswith(".")
    assert int(headers["Retry-After"]) > 0
    assert post(b"{}", "other")[0] == 429  # right, but new at this address
    assert post(b"{}")[0] == 200


def test_another_scheme_is_401_and_another_method_405(post):
    assert post(b"{}", scheme="Basic")[0] == 401
    status, envelope, headers = post(None, method="GET")
    assert (status, envelope["code"], headers["Allow"]) == (405, 405, "POST")


@pytest.mark.parametrize("size", [LONGEST_FRAME, 3 << 20])
def test_a_body_that_is_too_long_is_413(post, size):
    status, envelope, _ = post(b'"' + b"x" * size + b'"')
    assert (status, envelope["code"]) == (413, 413)


@pytest.mark.parametrize(
    "body",
    [
        *(text if isinstance(text, bytes) else text.encode() for text in BAD_JSON[:-1]),
        *(b'{"data": 1, "msg": 2}', b'{"data": 1, "code": "x"}', b'{"data": 1, "code": true}'),
    ],
)
def test_a_body_that_is_no_json_is_400(post, body):
    status, envelope, _ = post(body)
    assert (status, envelope["code"], envelope["data"]) == (400, 400, [])
    assert envelope["msg"].endswith(".")


def test_a_room_whose_name_is_not_allowed_is_404(post):
    status, envelope, _ = post(b"{}", room="a%20b")
    assert (status, envelope["code"]) == (404, 404)


# Most of them at once: request by request they may take a busy machine longer than the window.
COUNT = """
from conversations.rate_limits import PUSHES
for _ in range(PUSHES.most - 2):
    PUSHES.count("other")
"""


def test_too_many_are_429_and_say_when_to_come_again(stack, post, hold_windows):
    assert post(b"{}", "other")[0] == 200
    hold_windows()
    stack.shell(COUNT)
    assert post(b"{}", "other")[0] == 200
    status, envelope, headers = post(b"{}", "other")
    assert (status, envelope["code"]) == (429, 429)
    assert 0 < int(headers["Retry-After"]) <= PUSHES.seconds
    assert post(b"{}")[0] == 200  # with another token
