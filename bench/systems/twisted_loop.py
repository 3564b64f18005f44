"""The bound: a bare Twisted loop that does nothing but hand one frame to each socket."""

import sys
from importlib import metadata

from bench import net
from bench.systems.base import REPOSITORY, System
from bench.systems.stack import BACKLOG, HOST


class TwistedLoop(System):
    name = "twisted-loop"
    label = "bare Twisted loop"
    title = "bare Twisted loop (the bound)"
    scenarios = frozenset(("handshake", "memory", "broadcast", "burst"))

    def versions(self):
        return {"twisted": metadata.version("twisted")}

    def assemble(self, stack, stack_name):
        publish_port = net.free_port()
        command = [sys.executable, "-m", "bench.peers.twisted_loop.server"]
        arguments = [HOST, stack.port, publish_port, BACKLOG]
        stack.start_server("twisted loop", [*command, *arguments], cwd=REPOSITORY)
        stack.publish_with("line_socket", publish_port, cwd=REPOSITORY)
