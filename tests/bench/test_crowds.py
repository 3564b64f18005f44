"""Crowds on real servers: small ones here, but measured as the large ones are."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.waiting import PATIENCE

from bench import scenarios
from bench.crowds import jitter, large
from bench.crowds.large import kernel_field, shares, slab_kib, tcp_buffers_kib
from bench.plan import FULL, QUICK, Plan
from bench.session import Session
from bench.systems import LARGE, Ours

SMALL = dataclasses.replace(
    QUICK,
    in_flight=4,
    idle_crowds=(4, 8),
    idle_warm_up=0,
    idle_seconds=0.5,
    large_idle_seconds=0.5,
    crowd_messages=1,
    large_crowds=(3, 6, 9, 12),
    hold_seconds=1,
    post_interval=0.5,
    jitter_clients=20,
    jitter_messages=8,
)


class TwoInterfaces(Ours):
    interfaces = 2


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    session = Session(TwoInterfaces(), LARGE, SMALL)
    yield session
    session.stop()


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine's pauses are no losses."""
    monkeypatch.setattr(large, "QUIET_SECONDS", PATIENCE)
    monkeypatch.setattr(jitter, "QUIET_SECONDS", PATIENCE)


def measure(session: Session, name: str) -> dict[str, float]:
    scenario = scenarios.SCENARIOS[name]
    figures = scenario.measure(session)
    assert set(figures) == {metric.key for metric in scenario.metrics}
    return figures


def test_a_crowd_over_two_processes_gets_every_post_and_keeps_every_socket(
    session: Session,
) -> None:
    figures = measure(session, "large-crowd")
    assert [figures[f"{step}_sockets"] for step in large.STEPS] == [3, 6, 9, 12]
    assert {figures[f"{step}_delivered"] for step in large.STEPS} == {100}
    assert (figures["hold_delivered"], figures["hold_lost"]) == (100, 0)
    assert figures["hold_posts"] >= 2 and figures["hold_seconds"] >= 1


def test_silent_sockets_are_counted_and_kept(session: Session) -> None:
    figures = measure(session, "idle-crowd")
    assert (figures["small_sockets"], figures["large_sockets"]) == (4, 8)
    assert (figures["small_lost"], figures["large_lost"]) == (0, 0)
    for size in ("small", "large"):  # a whole number of pulses, and the time between them
        seconds = figures[f"{size}_seconds"]
        pulses = figures[f"{size}_frames"] * seconds / 60
        assert pulses == pytest.approx(round(pulses), abs=1e-6) and pulses >= 1
        assert figures[f"{size}_cpu"] > 0


def test_readers_who_are_cut_off_get_everything(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jitter, "CUT_EVERY", 1.0)
    monkeypatch.setattr(jitter, "CUT_FOR", 0.6)
    figures = measure(session, "jitter")
    assert figures["received"] == 100 and figures["lost"] == 0
    assert figures["reconnects"] > 0 and figures["replayed"] > 0


@pytest.mark.parametrize("plan", [FULL, QUICK])
def test_a_step_and_a_crowd_have_a_size_each(plan: Plan) -> None:
    assert len(plan.large_crowds) == len(large.STEPS)
    assert list(plan.large_crowds) == sorted(plan.large_crowds)


@pytest.mark.parametrize(("count", "parts"), [(0, 6), (5, 6), (1_000, 6), (90_000, 6)])
def test_a_crowd_is_shared_out_evenly(count: int, parts: int) -> None:
    each = shares(count, parts)
    assert sum(each) == count and max(each) - min(each) <= 1


def test_the_kernel_tells_what_its_sockets_take(tmp_path: Path) -> None:
    assert slab_kib() > 0 and tcp_buffers_kib() >= 0
    with pytest.raises(ValueError, match="has no Nothing:"):
        kernel_field("/proc/meminfo", "Nothing:")
