"""Containerfile and compose.yaml name files, commands and variables that exist.

The image itself is not built; the commands that it would run are.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from contextlib import ExitStack, suppress
from urllib.request import urlopen

import pytest
import redis
from harness.network import free_port
from harness.process import Process
from harness.redis_servers import RedisServer
from harness.waiting import PATIENCE, wait_until

from deploy.run import ROOT
from proj.environment import NAMES, Environment
from tests.e2e.stack import Reader

CONTAINERFILE = (ROOT / "deploy" / "Containerfile").read_text().replace("\\\n", " ")
COMPOSE = (ROOT / "deploy" / "compose.yaml").read_text()


def instructions(name):
    return re.findall(rf"^\s*{name} (.+)$", CONTAINERFILE, re.M)


def service(name):
    """The lines of one service of compose.yaml, with those that it shares with others."""
    block = re.search(rf"^  {name}:(?: \*(\w+))?\n((?:    .*\n)*)", COMPOSE, re.M)
    own = block[2] + (shared(block[1]) if block[1] else "")
    return own + "".join(shared(anchor) for anchor in re.findall(r"^ +<<: \*(\w+)$", own, re.M))


def shared(anchor):
    """The lines behind an anchor, indented as those of a service."""
    lines = re.search(rf"^x-\w+: &{anchor}\n((?:  .*\n)+)", COMPOSE, re.M)[1]
    return re.sub("^(?=.)", "  ", lines, flags=re.M)


def command(name):
    return json.loads(re.search(r"^    command: (\[.*\])$", service(name), re.M)[1])


def test_every_copied_file_exists():
    lines = [line for line in instructions("COPY") if not line.startswith("--from=build")]
    assert len(lines) == 4
    for line in lines:
        *sources, _ = line.split()
        assert all((ROOT / source).exists() for source in sources), line


def test_what_the_installation_reads_is_copied_before_it():
    before = CONTAINERFILE.partition("deploy/install.sh\nCOPY . .")[0]
    script = (ROOT / "deploy" / "install.sh").read_text()
    named = set(re.findall(r"requirements[\w-]*\.txt", script)) - {"requirements-dev.txt"}
    assert named <= set(re.findall(r"requirements[\w-]*\.txt", before))
    assert "COPY packages/channels-realtime " in before


def test_the_image_has_all_code_and_neither_data_nor_secrets(tmp_path):
    """As .dockerignore says: everything is left out but what a line with `!` names."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    kept = [line[1:] for line in lines if line.startswith("!")]
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "bench"}
    assert "*" in lines and packages | {"deploy", "packages"} <= set(kept)
    assert all(list(ROOT.glob(name)) for name in kept)
    assert not {"var", ".git", "tests"} & set(kept)
    assert "deploy/secrets" in lines
    assert "/deploy/secrets" in (ROOT / ".gitignore").read_text().splitlines()


def test_it_runs_as_a_number_that_is_not_root():
    assert instructions("USER") == ["1000:1000"]


def test_the_commands_for_the_secrets_make_what_the_services_read(tmp_path):
    script = re.search(r"#     mkdir(.*\n)(#     .*\n)+?#     chmod.*\n", COMPOSE)[0]
    script = re.sub(r"^#     ", "", script, flags=re.M).replace("deploy/secrets", "secrets")
    subprocess.run(["sh", "-ec", script], cwd=tmp_path, check=True)
    made = {path.name for path in (tmp_path / "secrets").iterdir()}
    assert made == set(re.findall(r"/run/secrets/(\w+)", COMPOSE))
    assert made == set(re.findall(r"file: secrets/(\w+)", COMPOSE))
    files = {name: str(tmp_path / "secrets" / name) for name in made}
    environment = Environment(
        {"SECRET_KEY_FILE": files["secret_key"], "DATABASE_URL_FILE": files["database_url"]}
    )
    password = (tmp_path / "secrets" / "postgres_password").read_text()
    assert environment.DATABASE_URL == f"postgres://liveblog:{password}@postgres/liveblog"


def test_the_python_version_is_allowed():
    [version] = re.findall(r"python:3\.(\d+)", CONTAINERFILE)
    low, high = re.search(r'>=3\.(\d+),<3\.(\d+)"', (ROOT / "pyproject.toml").read_text()).groups()
    assert int(low) <= int(version) < int(high)


def test_its_command_is_the_one_that_make_run_runs():
    *_, command = instructions("CMD")
    program, script = json.loads(command)
    makefile = (ROOT / "Makefile").read_text()
    assert f"{program} {script}\n" in makefile and (ROOT / script).exists()


def test_its_health_check_connects_to_the_product(tmp_path):
    check, _ = (json.loads(command) for command in re.findall(r"CMD (\[.*\])", CONTAINERFILE))
    environ = {"DATA_DIR": str(tmp_path), "PORT": "1", "PATH": "/usr/bin"}
    done = subprocess.run(
        [sys.executable, *check[1:]], cwd=ROOT, env=environ, capture_output=True, text=True
    )
    # Nothing listens there, so the check ran until it connected.
    assert done.returncode == 1 and "ConnectionRefusedError" in done.stderr


def test_its_variables_exist_and_have_allowed_values():
    [line] = instructions("ENV")
    environ = dict(word.split("=") for word in line.split())
    block = re.search(r"    environment:\n((?:      .*\n)+)", service("worker-a"))[1]
    for name, value in re.findall(r"^ +([A-Z_]+): \"?(.*?)\"?$", block, re.M):
        environ[name] = re.sub(r"\$\{\w+:-(.*)\}", r"\1", value)
    assert set(environ) <= NAMES
    # test_the_commands_for_the_secrets_make_what_the_services_read has these.
    Environment({name: value for name, value in environ.items() if not name.endswith("_FILE")})
    [host] = re.findall(r"://(\w+)", environ["REDIS_URL"])
    assert service(host) and service("postgres")


SECTION = re.search(r"^services:\n((?: .*\n)+)", COMPOSE, re.M)[1]
SERVICES = re.findall(r"^  ([\w-]+):.*$", SECTION, re.M)


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_service_needs_is_there(name):
    lines = service(name)
    for block in re.findall(r"    depends_on:\n((?:      .*\n)+)", lines):
        needed = re.findall(r"^      ([\w-]+):\n        condition: (\w+)", block, re.M)
        assert needed
        for other, condition in needed:
            # Of the product only interface servers answer the image's health check.
            is_interface = "asgi.sh" in service(other)
            has_check = is_interface or "healthcheck:\n      test:" in service(other)
            assert has_check if condition == "service_healthy" else other == "prepare"
    for path in re.findall(r"(?:dockerfile: |- \.\./)([\w./]+)", lines):
        assert (ROOT / path).exists(), path
    for volume in re.findall(r"^      - (\w+):/", lines, re.M):
        assert re.search(rf"^  {volume}:$", COMPOSE.split("\nvolumes:")[1], re.M)


def test_redis_accepts_its_command(tmp_path):
    command = json.loads(re.search(r"command: (\[.*\])", service("redis"))[1])
    path = tmp_path / "redis.sock"
    process = subprocess.Popen([*command, "--port", "0", "--unixsocket", path])
    try:
        wait_until(lambda: path.exists() or process.poll() is not None, "Redis")
        assert redis.Redis(unix_socket_path=str(path)).ping()
    finally:
        process.terminate()
        process.wait(PATIENCE)


def test_the_command_of_nginx_writes_a_file_that_nginx_accepts(tmp_path):
    text = re.search(r">-\n((?:        .*\n)+)", service("nginx"))[1]
    script = " ".join(line.strip() for line in text.splitlines())
    shutil.copy(ROOT / "nginx.conf", tmp_path / "nginx.conf.in")
    script = script.replace("/srv", shlex.quote(str(tmp_path)))
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/bin")
    # The product's name resolves only in the network of this file.
    assert "aliases:\n          - interface\n" in service("interface-a")
    script = script.replace("server interface:8000 resolve;|", "server 127.0.0.1:8001;|")
    script = script.replace("exec nginx", f"exec {nginx} -t -e stderr")
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "8001" in (tmp_path / "nginx.conf").read_text()


def test_its_processes_end_in_the_time_that_they_are_given():
    """As the pods on Kubernetes, whose times are held against the code."""
    for name, kind in (("interface-a", "interface"), ("worker-b", "worker"), ("pulse", "pulse")):
        manifest = (ROOT / "deploy" / "kubernetes" / f"{kind}.yaml").read_text()
        words = re.search(r"^          command: \[(.*)\]$", manifest, re.M)[1]
        assert command(name) == [word.strip('"') for word in words.split(", ")]
    grace = [
        int(re.search(r"grace_period: (\d+)s", service(n))[1]) for n in ("interface-a", "worker-a")
    ]
    drain = int(command("interface-a")[-1])
    assert grace[0] >= drain + 30 and grace[1] > int(Environment.CONSUMER_TIMEOUT.default)


def test_a_release_replaces_workers_and_pulse_and_no_socket_is_closed(tmp_path):
    """The commands of the services, in the order that the page says, but without containers."""
    page = (ROOT / "docs" / "deployment.md").read_text()
    section = page.partition("## In a container")[2].partition("\n## ")[0]
    replaced = re.findall(r"--no-deps ([\w -]+?)(?: &&.*)?$", section, re.M)
    order = " ".join(replaced).split()
    assert order == ["worker-a", "worker-b", "pulse", "interface-a", "interface-b"]
    with RedisServer() as server, ExitStack() as stack:
        port = str(free_port())
        environ = {name: os.environ[name] for name in ("PATH", "SECRET_KEY")}
        environ |= {"REDIS_URL": server.url, "DATA_DIR": str(tmp_path), "PORT": port}

        def start(name):
            return stack.enter_context(
                Process(command(name), cwd=ROOT, env=environ, log=tmp_path / f"{name}.log")
            )

        def is_ready():
            with suppress(OSError):
                return urlopen(f"http://127.0.0.1:{port}/readyz").status == 200

        def shell(code):
            command = [".venv/bin/python", "manage.py", "shell", "-v0", "-c", code]
            subprocess.run(command, cwd=ROOT, env=environ, check=True)

        assert start("prepare").popen.wait(PATIENCE) == 0
        running = {name: start(name) for name in ("interface-a", "worker-a", "worker-b", "pulse")}
        running["pulse"].wait_ready(is_ready, "an answer of /readyz")
        shell("LiveBlog.objects.create(slug='demo', title='Demo')")
        with Reader(f"ws://127.0.0.1:{port}/channel/liveblog/demo/?after=0") as reader:
            reader.frame()
            for name in order[:3]:
                assert running[name].stop() == 0
                assert running["interface-a"].is_running()
                start(name).wait_ready(is_ready, "an answer of /readyz")
            shell("BlogUpdate.objects.create(blog=LiveBlog.objects.get(), body='After it')")
            assert "After it" in reader.frame()["content"]
