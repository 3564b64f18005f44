"""The versions of the legacy packages that the bridges were written for."""

import sys
from importlib import metadata
from pathlib import Path

WRITTEN_FOR = {"channels": "1.1.8", "daphne": "1.4.2", "asgi-redis": "1.4.3"}
LEGACY_ASGIREF = Path(sys.prefix) / "legacy" / "asgiref"


class UnsupportedPackage(ImportError):
    """A legacy package is missing or has a version that the bridges were not written for.

    Args:
        package: its name on PyPI.
        found: the installed version; None where the package is missing.
        needed: the version that the bridges were written for.
    """

    def __init__(self, package: str, found: str | None, needed: str) -> None:
        super().__init__(package, found, needed)
        self.package, self.found, self.needed = package, found, needed

    def __str__(self) -> str:
        found = f"{self.package} {self.found} is installed" if self.found else "none is installed"
        return f"channels_realtime.compat needs {self.package} {self.needed}, but {found}."


def refuse_other_versions() -> None:
    """Raise UnsupportedPackage where a legacy package has another version.

    A patch of code that it was not written for fails in ways that are hard to trace back to it.
    """
    for package, needed in WRITTEN_FOR.items():
        found: str | None
        try:
            found = metadata.version(package)
        except metadata.PackageNotFoundError:
            found = None
        if found != needed:
            raise UnsupportedPackage(package, found, needed)
