"""HTTP as a message: a consumer that answers a request by itself, without a view.

routing.py gives it one path; every other http.request goes to Django. The answer is streamed: each
message but the last has `more_content`.
"""

from channels.message import Message

TEXT = (b"Content-Type", b"text/plain; charset=utf-8")
HEADERS = [TEXT, (b"Cache-Control", b"no-store"), (b"X-Content-Type-Options", b"nosniff")]
SHOWN = ("method", "path", "scheme", "http_version", "query_string", "client")
LONGEST = 200  # characters shown of a value


def http_request(message: Message) -> None:
    if message["method"] not in ("GET", "HEAD"):
        headers = [*HEADERS, (b"Allow", b"GET, HEAD")]
        content = b"This address can only be read: send GET.\n"
        send(message, {"status": 405, "headers": headers, "content": content})
        return
    if message["method"] == "HEAD":
        send(message, {"status": 200, "headers": HEADERS, "content": b""})
        return
    first = b"This page is several messages on the reply channel of one request.\n\n"
    send(message, {"status": 200, "headers": HEADERS, "content": first, "more_content": True})
    for name in SHOWN:
        line = f"{name}: {shown(message.get(name))}\n".encode(errors="replace")
        send(message, {"content": line, "more_content": True})
    # The names alone: their values hold cookies and tokens.
    names = ", ".join(sorted(name.decode("latin1") for name, _ in message["headers"]))
    send(message, {"content": f"headers: {names}\n".encode(), "more_content": False})


def send(message: Message, part: dict[str, object]) -> None:
    # At once: otherwise all parts would wait for the end of the consumer.
    message.reply_channel.send(part, immediately=True)


def shown(value: object) -> str:
    text = value.decode("latin1") if isinstance(value, bytes) else str(value)
    return text[:LONGEST]
