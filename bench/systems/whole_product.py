"""The product as an operator runs it: deploy/run.py with everything it starts, nginx in front."""

import http.client
import os
import sys
import time

from bench import net
from bench.errors import ProcessFailed
from bench.process import START_TIMEOUT
from bench.systems.base import REPOSITORY, require, run
from bench.systems.stack import HOST

SLUG = "demo"


def assemble(system, stack, env):
    """Start it in a Stack whose port becomes nginx's; `env` are the product's other variables."""
    nginx = require(system, "nginx", "nginx")
    port = net.free_port()
    env = env | {"PORT": str(port), "TRUSTED_HOPS": "1", "WORKERS": "2"}
    product = stack.add_helper(
        "product", [sys.executable, "deploy/run.py"], cwd=REPOSITORY, env=env
    )
    product.wait_listening(port)
    configuration = configure(stack, port)
    command = [nginx, "-e", "stderr", "-p", configuration.parent, "-c", configuration]
    stack.start_server("nginx", [*command, "-g", "daemon off;"])
    wait_ready(stack, product)
    manage = [sys.executable, "manage.py"]
    replay = [*manage, "replay", SLUG, "--speed", "max"]
    run(system, replay, cwd=REPOSITORY, env=os.environ | env)
    stack.publish_with("posts", SLUG, cwd=REPOSITORY, env={"PYTHONPATH": str(REPOSITORY)} | env)


def configure(stack, port):
    """Write the repository's nginx.conf with this stack's ports; return its path."""
    prefix = stack.folder / "front"
    prefix.mkdir()
    (prefix / "var").symlink_to(stack.folder)
    # nginx as root drops its workers to an unprivileged user, who must reach the folder.
    stack.folder.chmod(0o755)
    text = (REPOSITORY / "nginx.conf").read_text()
    for old, new in (
        ("server 127.0.0.1:8000;", f"server {HOST}:{port};"),
        ("listen 8080 ", f"listen {HOST}:{stack.port} "),
    ):
        if text.count(old) != 1:
            raise ValueError(f"nginx.conf has no line with {old!r}")
        text = text.replace(old, new)
    configuration = prefix / "nginx.conf"
    configuration.write_text(text)
    return configuration


def wait_ready(stack, product):
    """Until /readyz says that every part works; raises ProcessFailed."""
    deadline = time.monotonic() + START_TIMEOUT
    while get(stack, "/readyz").status != 200:
        product.check_alive()
        if time.monotonic() > deadline:
            raise ProcessFailed("product", "is not well", list(product.log))
        time.sleep(0.1)


def get(stack, path):
    """The response to one request through nginx, with its `content` (bytes)."""
    connection = http.client.HTTPConnection(HOST, stack.port, timeout=START_TIMEOUT)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        response.content = response.read()
        return response
    finally:
        connection.close()
