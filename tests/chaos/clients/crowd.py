"""The readers: one Node process that runs the script of the reader's page many times."""

import json
import shutil
import subprocess
import threading
from pathlib import Path

from harness.waiting import PATIENCE

SCRIPT = Path(__file__).with_name("readers.mjs")


class Crowd:
    """A context manager. A command is sent by tell(); its options are those in readers.mjs."""

    def __enter__(self):
        node = shutil.which("node")
        assert node, "There is no node; install it: apt-get install nodejs"
        self.number = 0
        self.lock = threading.Lock()
        self.process = subprocess.Popen(
            [node, str(SCRIPT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(PATIENCE)
        self.process.stdout.close()

    def tell(self, command, **options):
        """Send a command and return its result."""
        with self.lock:
            self.number += 1
            line = json.dumps({"command": command, "number": self.number, **options})
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
            answer = json.loads(self.process.stdout.readline())
        assert answer["number"] == self.number and "error" not in answer, answer
        return answer["result"]
