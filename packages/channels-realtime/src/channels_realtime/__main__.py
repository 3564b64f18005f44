"""`python -m channels_realtime`: commands that need no settings.

`install` installs the legacy packages beside a supported Django. pip cannot resolve them: their
metadata asks for versions of Django, redis-py and msgpack that are long out of support. The bridges
in channels_realtime.compat make them work with current ones. `doctor` reads a project's source and
lists what it needs.
"""

import argparse
import subprocess
import sys
from pathlib import Path

from channels_realtime.compat import LEGACY_ASGIREF, WRITTEN_FOR
from channels_realtime.doctor import report

ASGIREF = "1.1.2"


def pip(*arguments: str) -> None:
    """Run pip for this interpreter. Raises subprocess.CalledProcessError."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments]
    subprocess.run(command, check=True)


def install() -> None:
    """Install the legacy packages. asgiref 1.1.2 goes to a folder of its own, outside the path."""
    pins = [f"{name}=={version}" for name, version in WRITTEN_FOR.items()]
    pip("install", "--no-deps", *pins)
    target = Path(LEGACY_ASGIREF).parent
    pip("install", "--no-deps", "--upgrade", "--target", str(target), f"asgiref=={ASGIREF}")
    print(f"Installed {', '.join(pins)}, and asgiref {ASGIREF} in {target}.")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m channels_realtime", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("install", help="install channels, asgi-redis, daphne and asgiref 1.1.2")
    doctor = "list what a project's source needs for Django 5.2 and Channels 1.x"
    report.add_arguments(commands.add_parser("doctor", help=doctor, description=report.__doc__))
    parsed = parser.parse_args()
    if parsed.command == "doctor":
        return report.run(parsed.project)
    try:
        install()
    except subprocess.CalledProcessError as error:
        print(f"pip failed with exit code {error.returncode}; see above.", file=sys.stderr)
        return 1
    return 0


sys.exit(main())
