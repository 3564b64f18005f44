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
from proj.environment import NAMES, Environment

CONTAINERFILE = (ROOT / "deploy" / "Containerfile").read_text().replace("\\\n", " ")
COMPOSE = (ROOT / "deploy" / "compose.yaml").read_text()


def instructions(name):
    return re.findall(rf"^\s*{name} (.+)$", CONTAINERFILE, re.M)


def service(name):
    """The lines of one service of compose.yaml."""
    return re.search(rf"^  {name}:\n((?:    .*\n)+)", COMPOSE, re.M)[1]


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
    block = re.search(r"    environment:\n((?:      .*\n)+)", service("liveblog"))[1]
    for name, value in re.findall(r"^ +([A-Z_]+): \"?(.*?)\"?$", block, re.M):
        environ[name] = re.sub(r"\$\{\w+:-(.*)\}", r"\1", value)
    assert set(environ) <= NAMES
    # test_the_commands_for_the_secrets_make_what_the_services_read has these.
    Environment({name: value for name, value in environ.items() if not name.endswith("_FILE")})
    [host] = re.findall(r"://(\w+)", environ["REDIS_URL"])
    assert service(host) and service("postgres")


@pytest.mark.parametrize("name", ["liveblog", "redis", "postgres", "nginx"])
def test_what_a_service_needs_is_there(name):
    lines = service(name)
    for block in re.findall(r"    depends_on:\n((?:      .*\n)+)", lines):
        needed = re.findall(r"^      (\w+):\n        condition: service_healthy", block, re.M)
        assert needed and all("healthcheck:" in service(n) or n == "liveblog" for n in needed)
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
    script = script.replace("server liveblog:8000 resolve;|", "server 127.0.0.1:8001;|")
    script = script.replace("exec nginx", f"exec {nginx} -t -e stderr")
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "8001" in (tmp_path / "nginx.conf").read_text()
