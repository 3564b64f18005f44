"""Runs Python with the models at hand, without the second that `manage.py shell` takes to start.

It reads code as JSON, a line each, and answers {"output", "error"} in the same way. Each runs in a
child of its own, so that what one patches or connects to is not there for the next.
"""

import contextlib
import io
import json
import os
import sys
import traceback

import django


def main():
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "proj.settings")
    django.setup()
    for line in sys.stdin:
        if (child := os.fork()) == 0:
            print(json.dumps(run(json.loads(line))), flush=True)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if status:
            print(json.dumps({"output": "", "error": f"It ended with {status}."}), flush=True)


def run(code):
    output = io.StringIO()
    error = None
    with contextlib.redirect_stdout(output):
        try:
            exec(code, {"__name__": "__main__"})
        except Exception:
            error = traceback.format_exc()
    return {"output": output.getvalue(), "error": error}


if __name__ == "__main__":
    main()
