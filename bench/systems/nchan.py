"""nchan: publish and subscribe in C, inside nginx."""

import shutil
from pathlib import Path

from bench import net
from bench.errors import MissingComponent
from bench.systems.base import PEERS, REPOSITORY, System, require, run
from bench.systems.stack import BACKLOG, HOST

MODULE_PLACES = (
    Path("/usr/lib/nginx/modules/ngx_nchan_module.so"),
    Path("/usr/share/nginx/modules/ngx_nchan_module.so"),
    Path("/usr/lib64/nginx/modules/ngx_nchan_module.so"),
)


class Nchan(System):
    name = "nchan"
    label = "nchan"
    title = "nchan in nginx"
    scenarios = frozenset(("idle", "handshake", "memory", "broadcast", "burst", "crowd"))

    def prepare(self):
        self.nginx = require(self, "nginx", "nginx libnginx-mod-nchan")
        self.module = next((place for place in MODULE_PLACES if place.exists()), None)
        if self.module is None:
            raise MissingComponent(
                self.name, "nginx's nchan module", "apt-get install libnginx-mod-nchan"
            )

    def versions(self):
        said = run(self, [self.nginx, "-v"])
        found = {"nginx": said.rpartition("/")[2].strip()}
        # The module itself tells no version; on Debian its package does.
        if shutil.which("dpkg-query"):
            query = ["dpkg-query", "-W", "-f", "${Version}", "libnginx-mod-nchan"]
            found["nchan"] = run(self, query).strip()
        return found

    def assemble(self, stack, stack_name):
        publish_port = net.free_port()
        values = {
            "MODULE": self.module,
            "HOST": HOST,
            "PORT": stack.port,
            "PUBLISH_PORT": publish_port,
            "BACKLOG": BACKLOG,
            "FOLDER": stack.folder,
        }
        text = (PEERS / "nchan" / "nginx.conf").read_text()
        for name, value in values.items():
            text = text.replace(f"@{name}@", str(value))
        configuration = stack.folder / "nginx.conf"
        configuration.write_text(text)
        # nginx as root drops its workers to an unprivileged user, who must reach the folder.
        stack.folder.chmod(0o755)
        stack.start_server("nginx", [self.nginx, "-p", stack.folder, "-c", configuration])
        stack.publish_with("http_post", publish_port, "/publish/demo", cwd=REPOSITORY)
