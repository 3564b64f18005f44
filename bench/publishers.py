"""A process that publishes messages: `python -m bench.publishers KIND SIZE [ARGUMENT]…`

It runs in the environment of the measured system, so each kind imports its own libraries. Each line
of standard input is a number of messages to publish. The reply is one line of JSON: `first` is when
publishing began, `last` is when the server had accepted all of them, both in seconds of the
machine's monotonic clock, which the load client uses too. `number` is the number of the last
message; posts have its `revision` too.
"""

import asyncio
import http.client
import json
import socket
import sys
import time
from collections.abc import Callable

from bench.messages import payload

# Returns what else belongs into the answer, if anything.
Publish = Callable[[list[str]], dict[str, int] | None]


def channels1(group: str) -> Publish:
    """Group.send, as a Channels 1.x project does."""
    import django
    from django.conf import settings

    settings.INSTALLED_APPS  # noqa: B018  the access loads the settings, which bridge Channels
    django.setup()
    from channels import Group

    def publish(texts: list[str]) -> None:
        for text in texts:
            Group(group).send({"text": text})

    return publish


def posts(slug: str) -> Publish:
    """A post, as an editor's: broadcast after commit."""
    import django

    django.setup()
    from liveblog.models import BlogUpdate, LiveBlog

    blog = LiveBlog.objects.get(slug=slug)

    def publish(texts: list[str]) -> dict[str, int]:
        update = None
        for text in texts:
            update = BlogUpdate.objects.create(blog=blog, body=text)
        return {"revision": update.revision} if update else {}

    return publish


def channels4(redis_url: str, group: str) -> Publish:
    """group_send, as a Channels 4 project does."""
    from channels_redis.pubsub import RedisPubSubChannelLayer

    layer = RedisPubSubChannelLayer(hosts=[redis_url])
    runner = asyncio.Runner()

    async def send_all(texts: list[str]) -> None:
        for text in texts:
            await layer.group_send(group, {"type": "broadcast", "text": text})

    return lambda texts: runner.run(send_all(texts))


def redis_publish(url: str, channel: str) -> Publish:
    """PUBLISH."""
    from redis import Redis

    client = Redis.from_url(url)

    def publish(texts: list[str]) -> None:
        for text in texts:
            client.publish(channel, text)

    return publish


def http_posts(port: str, path: str) -> Publish:
    """One POST per message, pipelined.

    nchan responds after it has passed the message on. Waiting for each response would turn a burst
    into a closed loop, so the responses are read after the last request.
    """
    connection = connect(port)
    answers = connection.makefile("rb")

    def publish(texts: list[str]) -> None:
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: "
        requests = (f"{head}{len(text)}\r\n\r\n{text}" for text in texts)
        connection.sendall("".join(requests).encode())
        for _ in texts:
            status = answers.readline().decode().strip()
            answers.read(int(http.client.parse_headers(answers)["Content-Length"] or 0))
            if not status.startswith("HTTP/1.1 2"):
                raise ConnectionError(f"publishing was answered with {status!r}")

    return publish


def lines(port: str) -> Publish:
    """One line per message, over a TCP connection."""
    connection = connect(port)
    return lambda texts: connection.sendall("".join(f"{text}\n" for text in texts).encode())


def connect(port: str) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", int(port)))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


KINDS: dict[str, Callable[..., Publish]] = {
    each.__name__: each for each in (channels1, posts, channels4, redis_publish, http_posts, lines)
}


def main(kind: str, size: str, *arguments: str) -> None:
    publish = KINDS[kind](*arguments)
    number = 0
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        numbers = range(number + 1, number + int(line) + 1)
        texts = [payload(each, int(size)) for each in numbers]
        first = time.monotonic()
        more = publish(texts) or {}
        number += len(texts)
        answer = {"first": first, "last": time.monotonic(), "number": number}
        print(json.dumps(answer | more), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
