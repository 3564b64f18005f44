"""The versions of the legacy packages that the bridges were written for."""

import os
import sys
from importlib import metadata
from pathlib import Path

WRITTEN_FOR = {"channels": "1.1.8", "daphne": "1.4.2", "asgi-redis": "1.4.3"}
# Where `python -m channels_realtime install` puts the legacy packages: outside site-packages, where
# pip would report their old requirements, and uv and Poetry would remove what no project declares.
LEGACY = Path(os.environ.get("CHANNELS_REALTIME_LEGACY") or Path(sys.prefix, "legacy")).absolute()
LEGACY_ASGIREF = LEGACY / "asgiref"
LEGACY_PINS = Path(__file__).with_name("legacy.txt")
PINNED = {*WRITTEN_FOR, "asgiref"}
INSTALL = "python -m channels_realtime install"
DJANGO = "4.2"  # the oldest that the bridges work with; as in pyproject.toml


class UnsupportedPackage(ImportError):
    """A legacy package is missing or has a version that the bridges were not written for.

    Args:
        package: its name on PyPI.
        found: the installed version; None where the package is missing.
        needed: the version that the bridges were written for.
    """

    exit_code = 2  # as for a wrong argument: no supervisor should start it again

    def __init__(self, package: str, found: str | None, needed: str) -> None:
        super().__init__(package, found, needed)
        self.package, self.found, self.needed = package, found, needed

    def __str__(self) -> str:
        needs = f"channels_realtime.compat needs {self.package} {self.needed}, but"
        if self.found:
            sentence = f"{needs} {self.package} {self.found} is installed."
            return f"{sentence} Uninstall it." if self.package in PINNED else sentence
        if self.package in PINNED:
            return f"{needs} none is installed: run `{INSTALL}`, which installs into {LEGACY}."
        return f"{needs} none is installed."


def add_legacy_folder() -> None:
    """Have Python look into LEGACY last, so that asgiref 3 and any other package come first."""
    if LEGACY.is_dir() and str(LEGACY) not in sys.path:
        sys.path.append(str(LEGACY))


def refuse_other_versions() -> None:
    """Raise UnsupportedPackage where a legacy package has another version.

    A patch of code that it was not written for fails in ways that are hard to trace back to it.
    Django is too old where pip has installed a package that requires channels 1.x: it finds no
    other version for both.
    """
    import django

    if django.VERSION[:2] < tuple(map(int, DJANGO.split("."))):
        raise UnsupportedPackage("Django", django.get_version(), f"{DJANGO} or later")
    for package, needed in WRITTEN_FOR.items():
        found: str | None
        try:
            found = metadata.version(package)
        except metadata.PackageNotFoundError:
            found = None
        if found != needed:
            raise UnsupportedPackage(package, found, needed)
