"""Containerfile and compose.yaml name files, commands and variables that exist.

The image itself is not built; the commands that it would run are.
"""

import json
import re
import shlex
import shutil
import subprocess
import sys

import pytest
import redis
from harness.waiting import PATIENCE, wait_until

from deploy.run import ROOT
from proj.environment import VARIABLES, Environment

CONTAINERFILE = (ROOT / "deploy" / "Containerfile").read_text().replace("\\\n", " ")
COMPOSE = (ROOT / "deploy" / "compose.yaml").read_text()
NAMES = {variable.name for variable in VARIABLES}


def instructions(name):
    return re.findall(rf"^\s*{name} (.+)$", CONTAINERFILE, re.M)


def service(name):
    """The lines of one service of compose.yaml."""
    return re.search(rf"^  {name}:\n((?:    .*\n)+)", COMPOSE, re.M)[1]


def test_every_copied_file_exists():
    for line in instructions("COPY"):
        *sources, _ = line.split()
        assert all((ROOT / source).exists() for source in sources), line


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
    block = re.search(r"    environment:\n((?:      .*\n)+)", service("liveblog"))[1]
    for name, value in re.findall(r"^ +([A-Z_]+): \"?(.*?)\"?$", block, re.M):
        environ[name] = re.sub(r"\$\{\w+:-(.*)\}", r"\1", value)
    assert set(environ) <= NAMES
    environ["SECRET_KEY"] = "only for this test " * 3
    Environment(environ)
    for host in re.findall(r"://(?:\w+@)?(\w+)", environ["DATABASE_URL"] + environ["REDIS_URL"]):
        assert service(host)


@pytest.mark.parametrize("name", ["liveblog", "redis", "postgres", "nginx"])
def test_what_a_service_needs_is_there(name):
    lines = service(name)
    for block in re.findall(r"    depends_on:\n((?:      .*\n)+)", lines):
        assert all(service(needed) for needed in re.findall(r"- (\w+)", block))
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
    script = script.replace("|liveblog:8000;|", "|127.0.0.1:8001;|")
    script = script.replace("exec nginx", f"exec {nginx} -t -e stderr")
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "8001" in (tmp_path / "nginx.conf").read_text()
