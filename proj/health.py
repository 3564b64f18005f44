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
from channels_realtime.metrics.readiness import (
    BUSY,
    FAILING,
    OK,
    Check,
    Finding,
    failing,
    needs_redis,
)
from django.conf import settings
from django.db import Error, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache

from conversations.redis_store import layer
from proj.environment import Environment
from proj.environment_fields import POOLS
from proj.metrics import disk, overdue

logger = logging.getLogger(__name__)

LEASE = "pulse"  # the name of the lease that the active pulse holds
LITTLE_SPACE = 16 << 20  # bytes; a picture has up to 10 MB
FEW_FILES = 100  # that the file system can still take
LATE = 60.0  # s; the pulse publishes within 4


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
    """Whether a pulse is active, here or on another host, and this host's runs."""
    held = layer().on_each_shard(lambda client: client.exists(f"{layer().prefix}:{LEASE}"))
    if not any(held):
        return failing("No pulse is active: nobody publishes what is scheduled.")
    if is_supervised(os.environ):
        return readiness.check_processes(layer(), "pulse", socket.gethostname(), ["pulse"])
    return Finding()


def check_schedule() -> Finding:
    """Whether scheduled posts appear in time. Late ones do not make the site fail."""
    try:
        number, seconds = overdue()
    except Error:
        return Finding()  # check_database() names the problem
    facts = {"overdue": number}
    if seconds < LATE:
        return Finding(facts=facts)
    sentence = f"{number} scheduled posts have not been published, the first for {seconds:.0f} s."
    return Finding(BUSY, (sentence,), facts)


def check_disk() -> Finding:
    """Whether the data folder's disk has space: nobody can post without."""
    try:
        free, size, files = disk()
    except OSError as error:
        logger.error("The data folder cannot be read: %s", error)
        return failing("The data folder cannot be read.")
    problems = []
    if free < LITTLE_SPACE:
        problems.append(f"The disk of the data has {free >> 20} MiB left.")
    if 0 < files < FEW_FILES:  # 0: a file system without such a limit
        problems.append(f"The disk of the data can take {files} more files.")
    return failing(*problems, free_bytes=free, size_bytes=size)


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
    "schedule": check_schedule,
    "disk": check_disk,
}
