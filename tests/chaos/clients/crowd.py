"""The readers: one Node process that runs many copies of the reader page's script."""

import json
import shutil
import subprocess
import threading
from pathlib import Path
from typing import Any, Self

from harness.waiting import PATIENCE

SCRIPT = Path(__file__).with_name("readers.mjs")


class Crowd:
    """A context manager. readers.mjs lists the commands that tell() sends, with their options."""

    def __enter__(self) -> Self:
        node = shutil.which("node")
        assert node, "Node was not found. Install it: apt-get install nodejs"
        self.number = 0
        self.lock = threading.Lock()
        self.process = subprocess.Popen(
            [node, str(SCRIPT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stdin.close()
        self.process.wait(PATIENCE)
        self.process.stdout.close()

    def tell(self, command: str, **options: object) -> Any:
        """Send a command and return its result."""
        with self.lock:
            self.number += 1
            line = json.dumps({"command": command, "number": self.number, **options})
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
            answer = json.loads(self.process.stdout.readline())
        assert answer["number"] == self.number and "error" not in answer, answer
        return answer["result"]
