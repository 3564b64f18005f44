"""The manifests name commands, variables, addresses and ports that exist, and what they run works.

They are read as text: no YAML parser is among the pinned packages. No cluster runs them here.
"""

import http.client
import os
import re
import shlex
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from harness.network import free_port
from harness.process import Process

from deploy import prepare
from deploy.run import ROOT
from proj.environment import NAMES, Environment

FOLDER = ROOT / "deploy" / "kubernetes"
TEXTS = {path.name: path.read_text() for path in sorted(FOLDER.glob("*.yaml"))}
CONTAINERFILE = (ROOT / "deploy" / "Containerfile").read_text()
SCRIPT = (ROOT / "deploy" / "asgi.sh").read_text()
PAGE = (ROOT / "docs" / "deployment.md").read_text()


def documents():
    """The manifests, without their comments, as (kind, text)."""
    for name, text in TEXTS.items():
        for document in text.split("\n---\n"):
            lines = [line for line in document.splitlines() if not line.lstrip().startswith("#")]
            bare = "\n".join(lines) + "\n"
            if name != "kustomization.yaml":
                yield re.search(r"^kind: (\w+)$", bare, re.M)[1], bare


def pods():
    """The manifests that start pods."""
    return [text for kind, text in documents() if kind in ("Deployment", "Job")]


def number(name, text):
    return int(re.search(rf"\b{name}: \"?(\d+)", text)[1])


def test_every_manifest_is_listed_and_has_what_all_need():
    listed = re.findall(r"^  - (\S+\.yaml)$", TEXTS["kustomization.yaml"], re.M)
    assert sorted([*listed, "kustomization.yaml"]) == list(TEXTS)
    for _, text in documents():
        assert re.search(r"^apiVersion: \S+$", text, re.M)
        assert re.search(r"^metadata:\n  name: liveblog", text, re.M)
        assert "\t" not in text
        for line in text.splitlines():
            if "-e '" not in line:  # of a shell script
                assert all(line.count(begin) == line.count(end) for begin, end in ("{}", "[]"))


def test_no_pod_runs_as_root_or_writes_into_its_image():
    # The image's user, to whom DATA_DIR belongs.
    user, group = re.search(r"^USER (\d+):(\d+)$", CONTAINERFILE, re.M).groups()
    assert len(pods()) == 5
    for text in pods():
        assert number("runAsUser", text) == int(user)
        assert number("runAsGroup", text) == number("fsGroup", text) == int(group)
        for line in (
            "runAsNonRoot: true",
            "allowPrivilegeEscalation: false",
            "readOnlyRootFilesystem: true",
            "capabilities: {drop: [ALL]}",
            "automountServiceAccountToken: false",
        ):
            assert text.count(line) == text.count(" image: ") == 1, line
        assert "requests: {cpu: " in text and "limits: {memory: " in text


def test_every_command_exists():
    ours = [text for text in pods() if " image: liveblog" in text]
    commands = [re.search(r"^          command: \[(.*)\]$", text, re.M)[1] for text in ours]
    assert len(commands) == 4
    for program, *arguments in (command.split(", ") for command in commands):
        if program == ".venv/bin/python":
            assert arguments[0] == "-m"
            program = f"{arguments[1].replace('.', '/')}.py"
        else:
            assert os.access(ROOT / program, os.X_OK)
        assert (ROOT / program).is_file()


def test_every_variable_exists_and_has_an_allowed_value():
    [settings] = [text for kind, text in documents() if kind == "ConfigMap"]
    environ = dict(re.findall(r'^  ([A-Z_]+): "?(.*?)"?$', settings, re.M))
    for text in pods():
        environ |= dict(re.findall(r'- \{name: ([A-Z_]+), value: "?(.*?)"?\}', text))
    assert {"ALLOWED_HOSTS", "HOST", "SECRET_KEY_FILE"} <= set(environ) <= NAMES
    files = {name for name in environ if name.endswith("_FILE")}
    environment = Environment({name: environ[name] for name in set(environ) - files})
    assert environment.HTTPS and environment.TRUSTED_HOPS == 1
    assert "liveblog-interface" in environment.ALLOWED_HOSTS  # Prometheus uses the Service's name
    # The secrets are where they are mounted, and the page says how to make them.
    for name in files:
        folder, _, key = environ[name].rpartition("/")
        assert f"--from-literal={key}=" in PAGE
        ours = [text for text in pods() if " image: liveblog" in text]
        assert all(f"mountPath: {folder}, readOnly: true" in text for text in ours)


def test_addresses_and_ports_agree():
    interface, nginx = TEXTS["interface.yaml"], TEXTS["nginx.yaml"]
    [port] = set(re.findall(r"(?:containerPort|port): (\d+)", interface))
    assert f'{{name: PORT, value: "{port}"}}' in interface
    assert f'HTTPConnection("127.0.0.1", {port}' in interface
    assert f"server liveblog-interface:{port};" in nginx
    [port] = set(re.findall(r"(?:containerPort|port): (\d+)", nginx))
    assert f"listen {port} " in (ROOT / "nginx.conf").read_text()
    [path] = set(re.findall(r'(?:path: |"GET", ")(/[a-z]+)', interface))
    assert f"--health-path {path} " in SCRIPT
    for text in (interface, nginx):
        assert set(re.findall(r"(?:targetPort|port): (?:\{name: )?([a-z]+)", text)) == {"http"}
    services = {re.search(r"name: (\S+)", text)[1] for kind, text in documents() if "Serv" in kind}
    backend = re.search(r"service:\n\s+name: (\S+)", nginx)[1]
    assert services == {"liveblog-interface", backend}


def test_every_selector_finds_its_pods():
    labels = r"\{app.kubernetes.io/name: liveblog, app.kubernetes.io/component: (\w+)\}"
    templates = {
        re.search(rf"template:\n    metadata:\n      labels: {labels}", t)[1] for t in pods()
    }
    assert templates == {"prepare", "interface", "worker", "pulse", "nginx"}
    for _, text in documents():
        found = set(re.findall(labels, text))
        assert len(found) == 1 and found <= templates
    # What the page applies first: the Job, and what its pod needs.
    [first] = re.findall(r"kubectl apply -k \S+ -l app.kubernetes.io/component=(\w+)", PAGE)
    kinds = {kind for kind, text in documents() if f"component: {first}}}" in text}
    assert kinds == {"Job", "ConfigMap", "PersistentVolumeClaim"}


def test_pods_have_the_time_that_their_processes_take_to_end():
    server = ROOT / "packages/channels-realtime/src/channels_realtime/interface/server.py"
    grace = int(re.search(r"^GRACE = (\d+)", server.read_text(), re.M)[1])
    text = TEXTS["interface.yaml"]
    pause = int(re.search(r'command: \[sleep, "(\d+)"\]', text)[1])
    drain = int(re.search(r'--drain, "(\d+)"', text)[1])
    assert number("terminationGracePeriodSeconds", text) >= pause + drain + 3 * grace
    text = TEXTS["worker.yaml"]
    longest = int(Environment.CONSUMER_TIMEOUT.default)
    assert number("terminationGracePeriodSeconds", text) > longest
    assert "shareProcessNamespace: true" in text


def test_workers_are_scaled_by_a_metric_that_exists_within_what_the_database_allows():
    text = TEXTS["worker.yaml"]
    [metric] = re.findall(r"metric: \{name: (\w+)\}", text)
    metrics = ROOT / "packages/channels-realtime/src/channels_realtime/metrics/prometheus.py"
    assert f'"{metric}"' in metrics.read_text()
    # docs/configuration.md, Database: ten connections per worker; during a release one worker more.
    assert (number("maxReplicas", text) + number("maxSurge", text)) * 10 <= 100


def test_nginx_accepts_the_file_that_its_command_writes(tmp_path):
    text = re.search(r">-\n((?: {14}.*\n)+)", TEXTS["nginx.yaml"])[1]
    script = " ".join(line.strip() for line in text.splitlines())
    for name in ("conf", "var"):
        (tmp_path / name).mkdir()
    shutil.copy(ROOT / "nginx.conf", tmp_path / "conf")
    script = script.replace("/srv", shlex.quote(str(tmp_path)))
    # The name resolves only in the cluster.
    script = script.replace("server liveblog-interface:8000;|", "server 127.0.0.1:8001;|")
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/bin")
    script = script.replace("exec nginx", f"exec {nginx} -t")
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    written = (tmp_path / "var" / "nginx.conf").read_text()
    [trusted] = re.findall("^http {.*", written, re.M)
    assert "server 127.0.0.1:8001;" in written and trusted.count("set_real_ip_from") == 4
    assert "$scheme" not in written and "var/nginx/access.log" not in written


@pytest.fixture
def environ(tmp_path):
    """The variables of a process in a pod."""
    kept = {name: os.environ[name] for name in ("PATH", "REDIS_URL", "SECRET_KEY")}
    return kept | {"DATA_DIR": str(tmp_path), "HOST": "127.0.0.1", "PORT": str(free_port())}


def test_an_interface_server_without_supervisord_listens_on_host_and_port(environ, tmp_path):
    def status():
        with suppress(OSError):
            connection = http.client.HTTPConnection(environ["HOST"], int(environ["PORT"]))
            connection.request("GET", "/healthz")
            return connection.getresponse().status

    command = [ROOT / "deploy" / "asgi.sh", "--drain", "1"]
    with Process(command, env=environ, log=tmp_path / "log") as process:
        process.wait_ready(lambda: status() == 200, "an interface server")
        limits = Path(f"/proc/{process.pid}/limits").read_text()
        soft, hard = re.search(r"^Max open files +(\S+) +(\S+)", limits, re.M).groups()
        assert soft == hard
        assert process.stop() == 0


def test_one_command_prepares_a_release(environ, tmp_path):
    command = [ROOT / ".venv/bin/python", "-m", "deploy.prepare"]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "may be rolled out" in done.stdout and (tmp_path / "db.sqlite3").exists()


def test_code_that_does_not_work_is_not_prepared(monkeypatch, capsys):
    published = []
    monkeypatch.setattr("deploy.migrating.migrate", lambda: None)
    monkeypatch.setattr("consumers.rehearsal.rehearse", lambda: "a page failed")
    monkeypatch.setattr("proj.static.publish", lambda plain: published.append(plain))
    assert prepare.main() == 1
    assert "STOPPED: a page failed." in capsys.readouterr().err and not published
