"""What the benchmark starts, it measures, and ends."""

import sys
from contextlib import suppress

import pytest
from harness.waiting import PATIENCE, wait_until

from bench.errors import ProcessFailed
from bench.processes import Process, Talker, memory_kib, module


def test_a_process_that_ends_too_soon_is_an_error_with_its_last_words() -> None:
    process = Process("server", [sys.executable, "-c", "raise SystemExit('no such port')"])
    try:
        with pytest.raises(ProcessFailed) as caught:
            process.wait_listening(1)
        assert str(caught.value).startswith("server ended with status 1; ")
        assert "no such port" in str(caught.value)
    finally:
        process.stop()


def test_stopping_ends_the_descendants_too() -> None:
    script = "import subprocess, time; subprocess.Popen(['sleep', '60']); print(); time.sleep(60)"
    process = Process("parent", [sys.executable, "-u", "-c", script])
    try:
        while len(pids := process.pids()) < 2:
            process.check_alive()
    finally:
        process.stop()

    def gone() -> bool:
        with suppress(OSError):
            memory_kib(pids[1])
            return False
        return True

    wait_until(gone, "the end of the descendant")


def test_a_talker_answers_line_by_line() -> None:
    talker = Talker("publisher", module("json.tool", "--json-lines", "--compact"))
    try:
        talker.popen.stdin.write(b'{"a": 1}\n{"b": [2]}\n')
        talker.popen.stdin.close()
        assert talker.answer(timeout=PATIENCE) == {"a": 1}
        assert talker.answer(timeout=PATIENCE) == {"b": [2]}
        with pytest.raises(ProcessFailed, match="^publisher ended before its work was done"):
            talker.answer(timeout=PATIENCE)
    finally:
        talker.stop()


def test_cpu_time_only_grows() -> None:
    process = Process("busy", [sys.executable, "-c", "while True: pass"])
    try:
        before = process.cpu_seconds()
        while process.cpu_seconds() <= before:
            process.check_alive()
    finally:
        process.stop()
