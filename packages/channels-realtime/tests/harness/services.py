"""What most tests need of the harness, in one import."""

from harness.network import can_connect, free_port, http_request
from harness.process import runs, stopped
from harness.redis_servers import RedisSentinel, RedisServer
from harness.waiting import PATIENCE, wait_until

__all__ = [
    "PATIENCE",
    "RedisSentinel",
    "RedisServer",
    "can_connect",
    "free_port",
    "http_request",
    "runs",
    "stopped",
    "wait_until",
]
