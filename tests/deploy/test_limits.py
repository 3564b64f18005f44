"""Row 57: a start that would soon refuse posts or sockets is refused, in one sentence."""

import os
import resource
import shutil
import subprocess
import sys
from types import SimpleNamespace

import pytest

from deploy.run import OPEN_FILES, CannotStart, check_limits
from proj.environment import ROOT


def test_row_57_a_disk_that_is_nearly_full_ends_the_start(tmp_path, monkeypatch):
    check_limits(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=5 << 20))
    with pytest.raises(CannotStart, match="has 5 MiB left, and 16 MiB are needed"):
        check_limits(tmp_path)


def test_row_57_too_few_open_files_end_the_start(tmp_path):
    done = subprocess.run(
        [sys.executable, str(ROOT / "deploy" / "run.py")],
        env=os.environ | {"DATA_DIR": str(tmp_path)},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    [sentence] = done.stderr.strip().splitlines()
    assert sentence.startswith(f"A process may open 256 files, and {OPEN_FILES} are needed")
