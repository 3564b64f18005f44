"""Channels 4 with channels_redis pub/sub, on daphne and on uvicorn, in their own environment."""

import hashlib
import shutil
import sys

from bench.systems.base import INSTALLED, PEERS, REPOSITORY, System, require_redis, run
from bench.systems.stack import BACKLOG, HOST

REQUIREMENTS = PEERS / "channels4" / "requirements.txt"
ENVIRONMENT = INSTALLED / "channels4"
PYTHON = ENVIRONMENT / "bin" / "python"
APPLICATION = "bench.peers.channels4.asgi:application"
GROUP = "liveblog-demo"


class Channels4(System):
    """Redis and one ASGI server; subclasses say which."""

    scenarios = frozenset(("idle", "handshake", "memory", "broadcast", "burst", "echo", "http"))

    def prepare(self):
        require_redis(self)
        wanted = hashlib.sha256(REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()
        stamp = ENVIRONMENT / "installed"
        if stamp.exists() and stamp.read_text() == wanted:
            return
        shutil.rmtree(ENVIRONMENT, ignore_errors=True)
        run(self, [sys.executable, "-m", "venv", ENVIRONMENT])
        pip = [PYTHON, "-m", "pip", "--disable-pip-version-check", "-q"]
        run(self, [*pip, "install", "--no-deps", "-r", REQUIREMENTS])
        stamp.write_text(wanted)

    def versions(self):
        pins = (line.strip().split("==") for line in REQUIREMENTS.read_text().splitlines())
        shown = ("channels", "channels_redis", "Django", self.server_package)
        return {pin[0]: pin[1] for pin in pins if pin[0] in shown}

    def assemble(self, stack, stack_name):
        redis_url = stack.add_redis()
        env = {
            "DJANGO_SETTINGS_MODULE": "bench.peers.channels4.settings",
            "PYTHONPATH": str(REPOSITORY),
            "REDIS_URL": redis_url,
        }
        options = {"cwd": REPOSITORY, "env": env}
        command = [PYTHON, "-m", *self.command(stack.port)]
        stack.start_server(self.server_package, command, **options)
        stack.publish_with("channels4", redis_url, GROUP, python=PYTHON, **options)


class Channels4Daphne(Channels4):
    name = "channels4-daphne"
    label = "Channels 4, daphne"
    title = "Channels 4, channels_redis pub/sub, daphne"
    server_package = "daphne"

    def command(self, port):
        endpoint = f"tcp:port={port}:interface={HOST}:backlog={BACKLOG}"
        return ["daphne", "-v", "0", "-e", endpoint, APPLICATION]


class Channels4Uvicorn(Channels4):
    name = "channels4-uvicorn"
    label = "Channels 4, uvicorn"
    title = "Channels 4, channels_redis pub/sub, uvicorn"
    server_package = "uvicorn"

    def command(self, port):
        address = ["--host", HOST, "--port", str(port), "--backlog", str(BACKLOG)]
        fast = ["--loop", "uvloop", "--http", "httptools", "--no-access-log"]
        return ["uvicorn", *address, *fast, "--log-level", "warning", APPLICATION]
