"""The interface server: `python -m realtime.interface` takes Daphne's own arguments."""

from realtime import compat

compat.install()

from daphne.cli import CommandLineInterface  # noqa: E402

if __name__ == "__main__":
    CommandLineInterface.entrypoint()
