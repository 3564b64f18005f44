"""/healthz and /readyz.

`/healthz`: whether an interface server works. Ours answers it itself (deploy/asgi.sh); the view
here answers behind another one, such as stock Daphne.

`/readyz`: whether everything works; a worker answers. It runs all of CHECKS.
"""

import logging
import os
import socket
from collections.abc import Mapping

from channels_realtime.metrics import readiness
from channels_realtime.metrics.readiness import FAILING, OK, Check, Finding, failing, needs_redis
from django.conf import settings
from django.db import Error, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache

from conversations.redis_store import layer
from proj.environment import Environment
from proj.environment_fields import POOLS

logger = logging.getLogger(__name__)

LEASE = "pulse"  # the name of the lease that the active pulse holds


@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """200: an interface server has passed the request on, and a worker has answered it."""
    return JsonResponse({"status": OK, "problems": [], "checks": {"worker": {"status": OK}}})


@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """200 if every check is `ok` or `busy`, otherwise 503."""
    answer = readiness.run_checks(CHECKS)
    return JsonResponse(answer, status=503 if answer["status"] == FAILING else 200)


def check_database() -> Finding:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error as error:
        # The sentence is public; the reason, which may name hosts and users, goes to the log.
        logger.error("The database does not answer: %s", error)
        return failing("The database does not answer.")
    return Finding()


def check_redis() -> Finding:
    return readiness.check_redis(layer())


def check_workers() -> Finding:
    expected = worker_names(settings.ENVIRONMENT) if is_supervised(os.environ) else ()
    return readiness.check_processes(layer(), "worker", socket.gethostname(), expected)


def check_interfaces() -> Finding:
    number = settings.ENVIRONMENT.INTERFACES if is_supervised(os.environ) else 0
    expected = [f"interface_{index:02}" for index in range(number)]
    return readiness.check_processes(layer(), "interface", socket.gethostname(), expected)


def check_queues() -> Finding:
    return readiness.check_queues(layer())


@needs_redis
def check_pulse() -> Finding:
    """Whether a pulse is active, here or on another host."""
    held = layer().on_each_shard(lambda client: client.exists(f"{layer().prefix}:{LEASE}"))
    if not any(held):
        return failing("No pulse is active: nobody publishes what is scheduled.")
    return Finding()


def is_supervised(environ: Mapping[str, str]) -> bool:
    """Whether supervisord started this process: only then the other processes are known."""
    return "SUPERVISOR_ENABLED" in environ


def worker_names(environment: Environment) -> list[str]:
    """The names that supervisord.conf gives to the workers of one host."""
    pools = environment.WORKER_POOLS or {"worker": environment.WORKERS}
    assert set(pools) <= {"worker", *POOLS}
    return [f"{pool}_{index:02}" for pool, number in pools.items() for index in range(number)]


CHECKS: dict[str, Check] = {
    "database": check_database,
    "redis": check_redis,
    "workers": check_workers,
    "queues": check_queues,
    "interfaces": check_interfaces,
    "pulse": check_pulse,
}
