"""supervisord.conf: pools, permanent failures, logs and supervisorctl."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from channels_realtime.interface.command_line import OPTIONS
from channels_realtime.interface.server import GRACE
from harness.network import free_port
from harness.waiting import PATIENCE, wait_until
from supervisor import events
from supervisor.datatypes import InetStreamSocketConfig
from supervisor.options import ServerOptions
from supervisor.socket_manager import SocketManager
from supervisor.states import ProcessStates

from deploy.launch import STARTSECS
from deploy.listening import make
from proj.environment import Environment
from tests.e2e.stack import ROOT


def tree(monkeypatch, tmp_path, **environ):
    """group -> {process: its configuration}, as supervisord reads the file."""
    from deploy.run import Tree

    environ = {"DATA_DIR": str(tmp_path), "REDIS_URL": "", **environ}
    (tmp_path / "run" / "log").mkdir(parents=True, exist_ok=True)
    for name, value in Tree(Environment(os.environ | environ)).environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(ROOT)
    options = ServerOptions()
    options.realize(["-c", "supervisord.conf"])
    return {
        group.name: {process.name: process for process in group.process_configs}
        for group in options.process_group_configs
    }


def test_workers_handle_everything_unless_there_are_pools(monkeypatch, tmp_path):
    groups = tree(monkeypatch, tmp_path, WORKERS="2")
    assert set(groups["workers"]) == {"worker_00", "worker_01"}
    pools = "http:2,websocket:3,slow:1"
    groups = tree(monkeypatch, tmp_path, WORKER_POOLS=pools)
    counts = {}
    for process in groups["workers"]:
        counts[process[:-3]] = counts.get(process[:-3], 0) + 1
    assert counts == {"http": 2, "websocket": 3, "slow": 1}


def test_every_program_starts_in_the_folder_of_a_release(monkeypatch, tmp_path):
    pools = "http:1,websocket:1,slow:1"
    for environ in ({}, {"WORKER_POOLS": pools}):
        groups = tree(monkeypatch, tmp_path, **environ)
        folders = {
            group: {Path(process.directory).name for process in processes.values()}
            for group, processes in groups.items()
        }
        assert folders.pop("candidate") == {"candidate"}
        assert all(found == {"current"} for found in folders.values()), folders


def test_every_channel_is_read_by_one_pool_and_the_probe_by_all(monkeypatch, tmp_path):
    from channels import DEFAULT_CHANNEL_LAYER, channel_layers
    from channels.management.commands.runworker import Command
    from channels_realtime.worker.worker import Worker

    groups = tree(monkeypatch, tmp_path, WORKER_POOLS="http:1,websocket:1,slow:1")
    layer = channel_layers[DEFAULT_CHANNEL_LAYER]
    layer.router.check_default()
    read = []
    for process in groups["workers"].values():
        parser = Command().create_parser("manage.py", "runworker")
        options = parser.parse_args(process.command.split()[1:])
        worker = Worker(
            layer, only_channels=options.only_channels, exclude_channels=options.exclude_channels
        )
        read += worker.apply_channel_filters(layer.router.channels)
    assert read.count("ops.probe") == 3
    others = [channel for channel in read if channel != "ops.probe"]
    assert sorted(others) == sorted(layer.router.channels - {"ops.probe"})


def test_permanent_failures_are_not_retried_and_others_are(monkeypatch, tmp_path):
    groups = tree(monkeypatch, tmp_path)
    for group in ("interface", "workers", "pulse", "candidate"):
        for process in groups[group].values():
            assert process.exitcodes == [2, 3], process.name
            assert process.startsecs == STARTSECS
    drain = {name: default for name, default, *_ in OPTIONS}["--drain"]
    for process in groups["interface"].values():
        assert process.stopwaitsecs > drain + 3 * GRACE
        assert process.stdout_logfile_maxbytes and process.stdout_logfile_backups


@pytest.mark.parametrize("end", ["sys.exit(0)", "sys.exit(1)", "sys.exit(2)", "1 / 0"])
def test_a_program_that_ends_early_runs_until_supervisord_evaluates_its_code(end, tmp_path):
    """Otherwise supervisord would give up on a program that cannot start for some seconds."""
    script = tmp_path / "end.py"
    script.write_text(f"import sys\n{end}")
    done = subprocess.run(
        [sys.executable, "-c", RUN, script],
        cwd=ROOT,
        env=os.environ | {"SUPERVISOR_ENABLED": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == {"sys.exit(0)": 0, "sys.exit(2)": 2}.get(end, 1), done.stderr
    began, until = map(float, done.stdout.split())
    assert until - began > STARTSECS


# Prints the end of the wait instead of waiting.
RUN = """
import sys, time, runpy
print(time.monotonic())
time.sleep = lambda seconds: print(time.monotonic() + seconds)
sys.argv = ["deploy/launch.py", *sys.argv[1:]]
runpy.run_path("deploy/launch.py", run_name="__main__")
"""


def test_a_worker_with_a_wrong_setting_is_started_once(site):
    guard = "import os, sys\nif os.environ.get('SUPERVISOR_PROCESS_NAME') == 'worker_01':\n"
    broken = f"{guard}    print('wrong setting', flush=True)\n    sys.exit(2)\n"
    setting = "from django.apps"
    # Changed in the current folder, because a release would refuse this code.
    with site.changed("proj/apps.py", setting, broken + setting, site.current.resolve()):
        site.run("deploy/ctl.sh", "restart", "workers:worker_01")
        wait_until(lambda: "EXITED" in status(site, "workers:worker_01"), "its permanent end")
        log = (Path(site.folder.name) / "log" / "worker_01.log").read_text()
        assert log.count("wrong setting") == 1
        wait_until(lambda: "worker_01 exited and will not be restarted" in site.output(), "a line")
    site.run("deploy/ctl.sh", "start", "workers:worker_01")
    assert "RUNNING" in status(site, "workers:worker_01")


def status(site, name):
    return site.run("deploy/ctl.sh", "status", name).stdout


def test_supervisorctl_works_out_of_the_box(site):
    done = site.run("deploy/ctl.sh", "status")
    names = {line.split()[0]: line.split()[1] for line in done.stdout.splitlines()}
    assert names["interface:interface_01"] == names["workers:worker_00"] == "RUNNING"
    assert names["candidate"] == "STOPPED"


def test_a_connection_waits_while_no_interface_server_runs_and_is_served(site):
    site.run("deploy/ctl.sh", "stop", "interface:*")
    with socket.create_connection(("127.0.0.1", site.port), PATIENCE) as early:
        early.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        site.run("deploy/ctl.sh", "start", "interface:*")
        assert early.recv(1024).startswith(b"HTTP/1.1 200 ")


@pytest.fixture
def silent(tmp_path):
    """A supervisord with one program that has closed its output, so that no end of it is read."""
    started = tmp_path / "started"
    configuration = tmp_path / "supervisord.conf"
    configuration.write_text(f"""
[supervisord]
nodaemon=true
logfile={tmp_path}/log
pidfile={tmp_path}/pid
[unix_http_server]
file={tmp_path}/sock
[rpcinterface:endings]
supervisor.rpcinterface_factory=deploy.endings:make
[program:silent]
command=/bin/sh -c 'exec >&- 2>&-; echo $$ >> {started}; exec sleep 1000'
startsecs=0
[program:early]
command=/bin/sh -c 'kill -9 $$'
startsecs=1
startretries=0
""")
    command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(configuration)]
    environ = os.environ | {"RUN_DIR": str(tmp_path)}
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, cwd=ROOT, env=environ, stdout=quiet) as supervisord:
        yield started
        supervisord.terminate()


def test_an_exit_is_noticed_at_once_also_without_an_end_of_output(silent):
    def pids():
        return [int(line) for line in silent.read_text().split()] if silent.exists() else []

    seconds = []
    for number in range(1, 5):  # the quickest counts: the machine may be busy
        wait_until(lambda: len(pids()) == number, "the program")  # noqa: B023
        killed = time.monotonic()
        os.kill(pids()[-1], signal.SIGKILL)
        wait_until(lambda: len(pids()) > number, "the next one")  # noqa: B023
        seconds.append(time.monotonic() - killed)
    assert min(seconds) < 0.5


def test_a_program_that_is_killed_while_it_starts_is_counted(silent):
    counts = silent.parent / "endings.json"
    wait_until(lambda: counts.exists() and json.loads(counts.read_text()) == {"early": 1}, "it")


class Process:
    """The attributes of supervisord's process that the holder and the events read."""

    pid = 1
    backoff = 0
    state = ProcessStates.RUNNING

    def get_state(self):
        return self.state


@pytest.fixture
def interfaces():
    """A group of two processes, as supervisord runs it, and the port that it listens on."""
    port = free_port()
    manager = SocketManager(InetStreamSocketConfig("127.0.0.1", port))
    processes = [Process(), Process()]
    group = SimpleNamespace(socket_manager=manager, processes=dict(enumerate(processes)))
    holder = make(SimpleNamespace(process_groups={"interface": group}))
    yield SimpleNamespace(holder=holder, processes=processes, listens=lambda: listens(port))
    events.clear()


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def change(process, event, state, expected):
    process.state = state
    events.notify(event(process, ProcessStates.STARTING, expected))


def test_connections_are_refused_once_no_interface_server_will_come_back(interfaces):
    one, other = interfaces.processes
    change(one, events.ProcessStateExitedEvent, ProcessStates.EXITED, expected=False)
    change(other, events.ProcessStateExitedEvent, ProcessStates.EXITED, expected=False)
    assert interfaces.listens()  # supervisord is about to start them again
    change(other, events.ProcessStateStartingEvent, ProcessStates.STARTING, expected=True)
    change(one, events.ProcessStateFatalEvent, ProcessStates.FATAL, expected=True)
    assert interfaces.listens()
    change(other, events.ProcessStateExitedEvent, ProcessStates.EXITED, expected=True)
    change(Process(), events.ProcessStateRunningEvent, ProcessStates.RUNNING, expected=True)
    assert not interfaces.listens()
    change(one, events.ProcessStateRunningEvent, ProcessStates.RUNNING, expected=True)
    assert interfaces.listens()
    events.notify(events.SupervisorStoppingEvent())
    assert not interfaces.listens()


def test_supervisorctl_reports_that_nothing_runs(tmp_path):
    environ = os.environ | {"DATA_DIR": str(tmp_path)}
    done = subprocess.run(
        [ROOT / "deploy/ctl.sh", "status"], env=environ, capture_output=True, text=True
    )
    assert done.returncode == 1 and done.stderr.startswith("No site is running with this DATA_DIR")
    environ["WORKERS"] = "many"
    done = subprocess.run([ROOT / "deploy/ctl.sh"], env=environ, capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.startswith("WORKERS='many' is not allowed")


def test_log_lines_are_json_with_log_format_json(site):
    lines = (Path(site.folder.name) / "log" / "worker_00.log").read_text().splitlines()
    records = [json.loads(line) for line in lines if line.startswith("{")]
    assert len(records) == len(lines)
    assert {"time", "level", "logger", "message", "process"} <= set(records[0])
    assert any(line["message"].startswith("Listening on channels") for line in records)


def test_the_systemd_unit_names_files_and_settings_that_exist():
    unit = {}
    for line in (ROOT / "deploy" / "liveblog.service").read_text().splitlines():
        name, sign, value = line.partition("=")
        if sign and not line.startswith("#"):
            unit.setdefault(name, []).append(value)
    [folder] = unit["WorkingDirectory"]
    interpreter, script = unit["ExecStart"][0].split()
    assert interpreter == f"{folder}/.venv/bin/python" and (ROOT / script).exists()
    assert unit["EnvironmentFile"] == ["/etc/liveblog.env"]
    assert f"DATA_DIR=/var/lib/{unit['StateDirectory'][0]}" in unit["Environment"]
    assert unit["User"] and unit["Group"] and unit["RestartPreventExitStatus"] == ["2"]
    # supervisord's shutdown: interface servers drain for up to 30 s, then workers end.
    assert int(unit["TimeoutStopSec"][0]) >= 60 and unit["KillMode"] == ["mixed"]
