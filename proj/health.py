"""/healthz: the answer passed interface server, Redis and worker, and read the database.

Each part is named, with `ok` or what is wrong with it. The log says why: the address is public.
"""

import logging

import redis
from channels import DEFAULT_CHANNEL_LAYER, channel_layers
from django.db import Error, connection
from django.http import JsonResponse
from django.views.decorators.cache import never_cache

from realtime.layer import DEAD_AFTER

logger = logging.getLogger(__name__)


class Failing(Exception):
    """A part does not work. Its sentence names no host and no user."""


@never_cache
def healthz(request):
    """200 where every part is `ok`, else 503."""
    parts = {}
    for name, check in PARTS.items():
        try:
            check()
            parts[name] = "ok"
        except Failing as failing:
            logger.error("/healthz: %s: %s", name, failing.__cause__ or failing)
            parts[name] = str(failing)
    well = all(state == "ok" for state in parts.values())
    answer = {"status": "ok" if well else "failing", **parts}
    return JsonResponse(answer, status=200 if well else 503)


def check_database():
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error as error:
        raise Failing("the database does not answer") from error


def check_redis():
    """A round trip to each shard."""
    layer = channel_layers[DEFAULT_CHANNEL_LAYER]
    for index in range(layer.ring_size):
        try:
            layer.connection(index).ping()
        except (redis.RedisError, OSError) as error:
            raise Failing(f"Redis {index + 1} of {layer.ring_size} does not answer") from error


def check_worker():
    """That this runs: no worker, no answer. nginx then answers in its place."""


def check_interface():
    """An interface server has said lately that it lives."""
    layer = channel_layers[DEFAULT_CHANNEL_LAYER]
    try:
        connection = layer.connection(0)
        since = connection.time()[0] - DEAD_AFTER
        alive = connection.zcount(layer.processes_key, since, "+inf")
    except (redis.RedisError, OSError) as error:
        raise Failing("Redis, which knows, does not answer") from error
    if not alive:
        raise Failing(f"no interface server has said for {DEAD_AFTER:g} s that it lives")


PARTS = {
    "database": check_database,
    "redis": check_redis,
    "worker": check_worker,
    "interface": check_interface,
}
