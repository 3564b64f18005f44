"""`python -m channels_realtime`: commands that need no settings.

`install` installs the legacy packages beside a supported Django, and other packages that require
channels 1.x. pip cannot resolve them: their metadata asks for versions of Django, redis-py and
msgpack that are long out of support. The bridges in channels_realtime.compat make them work with
current ones. `daphne` is their Daphne with the bridges. `doctor` reads a project's source and lists
what it needs.
"""

import argparse
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence

from channels_realtime import compat
from channels_realtime.doctor import report

PINNED = ["--no-deps", "--require-hashes", "--only-binary", ":all:"]


def installer() -> list[str] | None:
    """How this environment installs into a folder: by its pip, by uv, or by another pip.

    The environments of uv and Poetry have no pip. Any will do, because the packages hold no
    compiled code.
    """
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--upgrade"]
    uv = os.environ.get("UV") or shutil.which("uv")
    if uv:
        return [uv, "pip", "install", "--compile-bytecode", "--python", sys.executable]
    pip = shutil.which("pip3") or shutil.which("pip")
    return [pip, "--disable-pip-version-check", "install", "--upgrade"] if pip else None


def install(requirements: Sequence[str] = ()) -> int:
    """Install the legacy packages into their folder. Returns the exit code.

    `requirements`: other packages that require channels 1.x, such as "channels-api==0.4.1". They
    come into the same folder, also without their dependencies.
    """
    runs = [[*PINNED, "-r", str(compat.LEGACY_PINS)]]
    if requirements:
        runs.append(["--no-deps", *requirements])
    command = installer()
    for arguments in runs:
        arguments += ["--target", str(compat.LEGACY)]
        if command is None:
            print(
                "Neither pip nor uv was found. Run any pip with these arguments: install",
                *arguments,
                file=sys.stderr,
            )
            continue
        done = subprocess.run([*command, "--quiet", *arguments], check=False)
        if done.returncode:
            sentence = f"{command[0]} failed with exit code {done.returncode}; see above."
            print(sentence, file=sys.stderr)
            return 1
    if command is None:
        return 1
    pins = [f"{name} {version}" for name, version in compat.WRITTEN_FOR.items()]
    installed = [*pins, "asgiref 1.1.2", *requirements]
    print(f"Installed {', '.join(installed[:-1])} and {installed[-1]} into {compat.LEGACY}.")
    return 0


def daphne(arguments: Sequence[str]) -> int:
    """Run Daphne as it comes, with the bridges. It ends by itself."""
    compat.install_or_exit()
    from daphne.cli import CommandLineInterface

    CommandLineInterface().run(arguments)
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m channels_realtime", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    installing = commands.add_parser(
        "install", help="install channels, asgi-redis, daphne and asgiref 1.1.2"
    )
    installing.add_argument(
        "requirement",
        nargs="*",
        help="another package that requires channels 1.x, such as channels-api==0.4.1",
    )
    commands.add_parser("daphne", help="run daphne, with its own arguments", add_help=False)
    doctor = "list what a project's source needs for Django 5.2 and Channels 1.x"
    report.add_arguments(commands.add_parser("doctor", help=doctor, description=report.__doc__))
    parsed, others = parser.parse_known_args()
    if parsed.command == "daphne":
        return daphne(others)
    if others:
        parser.error(f"unrecognized arguments: {' '.join(others)}")
    if parsed.command == "doctor":
        return report.run(parsed.project)
    return install(parsed.requirement)


if __name__ == "__main__":
    sys.exit(main())
