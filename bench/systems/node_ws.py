"""Node's `ws` with Redis pub/sub: what a JavaScript house would build."""

import json
import shutil

from bench.systems.base import INSTALLED, PEERS, REPOSITORY, System, require, require_redis, run
from bench.systems.stack import BACKLOG, HOST

SOURCE = PEERS / "node_ws"
MODULES = INSTALLED / "node_ws"


class NodeWs(System):
    name = "node-ws"
    label = "Node ws"
    title = "Node ws, Redis pub/sub"
    scenarios = frozenset(("idle", "handshake", "memory", "broadcast", "burst", "crowd"))

    def prepare(self):
        require_redis(self)
        require(self, "node", "nodejs")
        npm = require(self, "npm", "npm")
        wanted = (SOURCE / "package.json").read_text()
        installed = MODULES / "package.json"
        complete = (MODULES / "node_modules" / "ws").exists()
        if complete and installed.read_text() == wanted:
            return
        shutil.rmtree(MODULES, ignore_errors=True)
        MODULES.mkdir(parents=True)
        installed.write_text(wanted)
        run(self, [npm, "install", "--no-audit", "--no-fund", "--loglevel=error"], cwd=MODULES)

    def versions(self):
        node = run(self, ["node", "--version"]).strip().lstrip("v")
        return {"node": node} | json.loads((SOURCE / "package.json").read_text())["dependencies"]

    def assemble(self, stack, stack_name):
        redis_url = stack.add_redis()
        env = {"NODE_PATH": str(MODULES / "node_modules"), "NODE_ENV": "production"}
        command = ["node", SOURCE / "server.js", HOST, stack.port, BACKLOG, redis_url]
        stack.start_server("node", command, env=env)
        stack.publish_with("redis_publish", stack.redis_port, "liveblog-demo", cwd=REPOSITORY)
