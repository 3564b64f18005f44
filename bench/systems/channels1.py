"""Channels 1.x: this product on its own transport, and the stock packages as they come."""

import os
import sys
from importlib import metadata
from pathlib import Path

from bench.systems import whole_product
from bench.systems.base import REPOSITORY, System, require_redis, run
from bench.systems.stack import BACKLOG, HOST

GROUP = "liveblog-demo"
MAKE_DEMO = (
    "from liveblog.models import LiveBlog;"
    "LiveBlog.objects.get_or_create(slug='demo', defaults={'title': 'demo'})"
)


class Channels1(System):
    """Redis, an interface server and one worker; subclasses say which."""

    packages = ("channels", "daphne", "asgi-redis", "django", "twisted", "autobahn", "redis")

    def prepare(self):
        require_redis(self)

    def versions(self):
        return {package: metadata.version(package) for package in self.packages}

    def serve(self, stack, interface, layer, worker, env):
        """Start the worker and the interface server of a project whose environment is `env`."""
        options = {"cwd": REPOSITORY, "env": {"PYTHONPATH": str(REPOSITORY)} | env}
        stack.add_helper("runworker", worker, **options)
        endpoint = f"tcp:port={stack.port}:interface={HOST}:backlog={BACKLOG}"
        command = [*interface, "-v", "0", "-e", endpoint, layer]
        stack.start_server("interface server", command, **options)
        stack.publish_with("channels1", GROUP, **options)


class Stock(Channels1):
    """channels, daphne and asgi-redis, unchanged but for what today's Python needs."""

    name = "stock"
    label = "Channels 1.1.8"
    title = "Channels 1.1.8, daphne 1.4.2, asgi-redis 1.4.3"
    scenarios = frozenset(("idle", "handshake", "memory", "broadcast", "burst", "echo", "http"))
    project = "bench.peers.stock"

    def interface(self):
        return [Path(sys.executable).with_name("daphne")]

    def assemble(self, stack, stack_name):
        env = {
            "DJANGO_SETTINGS_MODULE": f"{self.project}.settings",
            "REDIS_URL": stack.add_redis(),
        }
        worker = [sys.executable, "-m", "django", "runworker", "-v", "0"]
        self.serve(stack, self.interface(), f"{self.project}.asgi:channel_layer", worker, env)


class OursEcho(Stock):
    """The stock project's consumers on our transport; a part of Ours, not a row of its own."""

    project = "bench.peers.ours_echo"

    def interface(self):
        return [sys.executable, "-m", "channels_realtime.interface"]


class Ours(Channels1):
    """The product itself; echo and the plain view are a small project on the same transport."""

    name = "ours"
    label = "this live blog"
    title = "this live blog"
    scenarios = Stock.scenarios | {"crowd", "by-hand", "page", "herd"}

    def stack_for(self, scenario):
        if scenario in ("echo", "http"):
            return "small project"
        return "whole product" if scenario in ("page", "herd") else "product"

    def assemble(self, stack, stack_name):
        if stack_name == "small project":
            OursEcho().assemble(stack, stack_name)
            return
        env = self.environment(stack.add_redis(), stack)
        if stack_name == "whole product":
            whole_product.assemble(self, stack, env)
            return
        manage = [sys.executable, "manage.py"]
        for command in (["migrate", "-v", "0"], ["shell", "-c", MAKE_DEMO]):
            run(self, [*manage, *command], cwd=REPOSITORY, env=os.environ | env)
        interface = [sys.executable, "-m", "channels_realtime.interface"]
        self.serve(stack, interface, "proj.asgi:channel_layer", [*manage, "runworker"], env)

    def environment(self, redis_url, stack):
        """The environment variables that the product reads."""
        return {
            "DJANGO_SETTINGS_MODULE": "proj.settings",
            "SECRET_KEY": "for the benchmark only: nobody logs in",
            "DEBUG": "0",
            "ALLOWED_HOSTS": HOST,
            "HOST": HOST,
            "PORT": str(stack.port),
            "DATA_DIR": str(stack.folder),
            "DATABASE_URL": f"sqlite:///{stack.folder}/db.sqlite3",
            "REDIS_URL": redis_url,
        }
