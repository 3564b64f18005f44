"""`POST /api/rooms/<room_name>/`: pushes to a room of envelopes, and answers with one."""

import redis
from django.core.exceptions import RequestDataTooBig
from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt

from conversations.api_tokens import token_of
from conversations.json_text import LONGEST_FRAME, BadMessage, encode, parse, too_long
from conversations.rate_limits import PUSHES
from conversations.rooms.envelopes import envelope, push

KEYS = {"data", "msg", "code"}


@csrf_exempt  # a token is no cookie: no other site can make a browser send it
def push_to_room(request, room_name):
    if request.method != "POST":
        return refusal(405, _("Use POST."), Allow="POST")
    token = token_of(request)
    if token is None:
        sentence = _("Send a valid token: Authorization: Bearer <token>.")
        return refusal(401, sentence, **{"WWW-Authenticate": "Bearer"})
    try:
        if PUSHES.count(token) > PUSHES.most:
            wait = str(PUSHES.wait(token))
            return refusal(429, PUSHES.too_fast().sentence, **{"Retry-After": wait})
        return answer(push(room_name, **asked(read_body(request))))
    except BadMessage as bad:
        if bad.code == "bad_room":
            return refusal(404, bad.sentence)
        return refusal(413 if bad.code == "too_long" else 400, bad.sentence)
    except redis.RedisError:
        sentence = _("The message could not be sent. Please try again in a moment.")
        return refusal(503, sentence, **{"Retry-After": "1"})


def read_body(request) -> bytes:
    try:
        if len(request.body) <= LONGEST_FRAME:
            return request.body
    except RequestDataTooBig:
        pass
    raise too_long(LONGEST_FRAME)


def asked(body: bytes) -> dict:
    """push()'s arguments. An object with `data`, and perhaps `msg` and `code`, is an envelope
    itself; any other JSON is the data."""
    try:
        value = parse(body.decode())
    except UnicodeDecodeError:
        raise BadMessage("bad_message", _("This is not valid JSON.")) from None
    if not (isinstance(value, dict) and "data" in value and value.keys() <= KEYS):
        return {"data": value}
    if not isinstance(value.get("msg", ""), str):
        raise BadMessage("bad_message", _("`msg` must be a string."))
    code = value.get("code", 200)
    if isinstance(code, bool) or not isinstance(code, int):
        raise BadMessage("bad_message", _("`code` must be an integer."))
    return value


def answer(value, status=200, **headers):
    headers["Cache-Control"] = "no-store"
    return HttpResponse(
        encode(value), status=status, content_type="application/json", headers=headers
    )


def refusal(status, sentence, **headers):
    return answer(envelope([], sentence, status), status, **headers)
