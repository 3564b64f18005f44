"""What consumers write down for the tests, and the gate that holds them, in Redis."""

import os
import time

import redis

client = redis.Redis.from_url(os.environ["SMALL_BOOK"])


def write(page, line):
    client.rpush(f"book:{page}", line)


def text(page):
    return " ".join(line.decode() for line in client.lrange(f"book:{page}", 0, -1))


def wait_at_gate(name):
    """Hold the consumer until the test opens the gate. Interrupted by nothing but signals."""
    while not client.exists(f"gate:{name}"):
        time.sleep(0.01)
