"""A real server, a real load client: every delivery arrives in the account."""

import dataclasses
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.process import tree
from harness.waiting import PATIENCE, wait_until

from bench import scenarios, systems
from bench.plan import QUICK
from bench.results import Results
from bench.session import Session, run
from bench.systems import Stack, TwistedLoop

SMALL = dataclasses.replace(
    QUICK,
    readers=20,
    broadcast_messages=3,
    broadcast_seconds=1,
    burst_messages=20,
    quiet_seconds=PATIENCE,  # a busy machine's pauses are no losses
)


@pytest.fixture
def session() -> Iterator[Session]:
    session = Session(systems.SYSTEMS["twisted-loop"], "all", SMALL)
    yield session
    session.stop()


def test_a_burst_reaches_every_reader_once(session: Session) -> None:
    session.open_readers(20)
    account, seconds = session.broadcast(15)
    assert (account["wanted"], account["delivered"], account["duplicates"]) == (300, 300, 0)
    assert account["lost_sockets"] == 0
    assert seconds > 0


@pytest.mark.parametrize("name", ["memory", "handshake", "broadcast", "burst"])
def test_a_scenario_returns_a_figure_for_each_of_its_metrics(session: Session, name: str) -> None:
    scenario = scenarios.SCENARIOS[name]
    figures = scenario.measure(session)
    assert set(figures) == {metric.key for metric in scenario.metrics}
    assert figures.get("delivered", 100) == 100


def test_behind_nginx_the_page_is_measured_and_a_herd_comes_back_with_nothing_missing() -> None:
    plan = dataclasses.replace(SMALL, seconds=0.4, herd_readers=20)
    session = Session(systems.SYSTEMS["ours"], "whole product", plan)
    try:
        for name in ("page", "herd"):
            scenario = scenarios.SCENARIOS[name]
            figures = scenario.measure(session)
            assert set(figures) == {metric.key for metric in scenario.metrics}
            assert not any(figures.get(key) for key in ("errors", "not_back", "missing", "refused"))
    finally:
        session.stop()


def test_a_server_that_dies_is_an_error_of_its_scenario_only() -> None:
    class Dying(TwistedLoop):
        name = "dying"

        def start(self, stack_name: str, payload_size: int) -> Stack:
            stack = super().start(stack_name, payload_size)
            stack.server.popen.kill()
            stack.server.wait()
            return stack

    class Silent:
        def step(self, text: str) -> None:
            pass

        def say(self, sentence: str) -> None:
            pass

    results = Results({}, {})
    chosen = scenarios.choose(["memory", "burst"])
    run([Dying()], chosen, SMALL, results, Silent())
    found = [(each["scenario"], each["error"].partition(" ended")[0]) for each in results.errors]
    assert found == [("memory", "twisted loop"), ("burst", "twisted loop")] and not results.values


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_benchmark_leaves_nothing_running(stop: int, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench", "--quick", "--only", "twisted-loop"]
    options = ["--scenarios", "broadcast", "--output", str(tmp_path)]
    with subprocess.Popen([*command, *options], stderr=subprocess.PIPE, text=True) as bench:
        while "repetition 1" not in bench.stderr.readline():
            assert bench.poll() is None
        while len(pids := tree(bench.pid)) < 3:
            assert bench.poll() is None
        bench.send_signal(stop)
        said = bench.stderr.read()
    assert bench.returncode == 1
    assert said.strip().endswith("Stopped; nothing was written.")
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), "the end of all")
    assert not list(tmp_path.iterdir())
