"""`POST /api/rooms/<room_name>/`: pushes to a room of envelopes, and answers with one."""

import redis
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt

from conversations.api_tokens import TooManyGuesses, token_of
from conversations.json_text import LONGEST_FRAME, encode, not_json, parse, too_long
from conversations.rate_limits import PUSHES
from conversations.refusals import Refusal
from conversations.rooms.envelopes import Envelope, envelope, push

KEYS = {"data", "msg", "code"}


@csrf_exempt  # a token is no cookie: no other site can make a browser send it
def push_to_room(request: HttpRequest, room_name: str) -> HttpResponse:
    if request.method != "POST":
        return refused(Refusal("bad_method", _("Use POST."), 405), Allow="POST")
    try:
        token = token_of(request)
        if token is None:
            sentence = _("Send a valid token: Authorization: Bearer <token>.")
            return refused(Refusal("bad_token", sentence, 401), **{"WWW-Authenticate": "Bearer"})
        if PUSHES.count(token) > PUSHES.most:
            return refused(PUSHES.too_fast(), **{"Retry-After": str(PUSHES.wait(token))})
        return answer(push(room_name, **read_envelope(read_body(request))))
    except Refusal as refusal:
        return refused(refusal)
    except TooManyGuesses as error:
        sentence = _("Too many wrong tokens from this address. See Retry-After.")
        too_many = Refusal("too_many_guesses", sentence, 429)
        return refused(too_many, **{"Retry-After": str(error.wait)})
    except redis.RedisError:
        sentence = _("The message could not be sent. Please try again in a moment.")
        return refused(Refusal("unavailable", sentence, 503), **{"Retry-After": "1"})


def read_body(request: HttpRequest) -> bytes:
    try:
        if len(request.body) <= LONGEST_FRAME:
            return request.body
    except RequestDataTooBig:
        pass
    raise too_long(LONGEST_FRAME)


def read_envelope(body: bytes) -> Envelope:
    """An object with `data`, and perhaps `msg` and `code`, is an envelope; other JSON is the data.

    Raises Refusal.
    """
    try:
        value = parse(body.decode())
    except UnicodeDecodeError:
        raise not_json() from None
    if not isinstance(value, dict) or "data" not in value or value.keys() - KEYS:
        return envelope(value)
    msg, code = value.get("msg", "success"), value.get("code", 200)
    if not isinstance(msg, str):
        raise Refusal("bad_message", _("`msg` must be a string."))
    if isinstance(code, bool) or not isinstance(code, int):
        raise Refusal("bad_message", _("`code` must be an integer."))
    return envelope(value["data"], msg, code)


def answer(value: Envelope, status: int = 200, **headers: str) -> HttpResponse:
    headers["Cache-Control"] = "no-store"
    return HttpResponse(
        encode(value), status=status, content_type="application/json", headers=headers
    )


def refused(refusal: Refusal, **headers: str) -> HttpResponse:
    """The refusal as an envelope, the shape of all that this address answers."""
    content = envelope([], refusal.sentence, refusal.status)
    return answer(content, refusal.status, **headers)
