"""Pins in requirements files that exclude the versions channels-realtime needs."""

import re
from collections.abc import Iterator
from importlib import metadata
from typing import NamedTuple

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import Specifier
from packaging.utils import canonicalize_name
from packaging.version import Version

from channels_realtime.compat import WRITTEN_FOR

ASGIREF = Version("3.8.1")  # what Django 5.2 needs
# On PyPI, for Channels 1.x and none other, and with a requirement of channels.
ON_CHANNELS = {
    "channels-api",
    "django-channels-jsonrpc",
    "django-channels-panel",
    "graphene-django-subscriptions",
}


class Pin(NamedTuple):
    """A line that excludes the needed versions. `rule`: the id of a rule."""

    rule: str
    line: int


def needed() -> dict[str, Version]:
    """Name -> the lowest version that channels-realtime itself allows."""
    try:
        declared = metadata.requires("channels-realtime") or ()
    except metadata.PackageNotFoundError:
        return {}
    found: dict[str, Version] = {}
    for requirement in map(Requirement, declared):
        for specifier in requirement.specifier:
            if specifier.operator == ">=":
                found[canonicalize_name(requirement.name)] = Version(specifier.version)
    return found


def conflicting_pins(text: str) -> Iterator[Pin]:
    """The pins of a requirements file."""
    lowest = needed()
    requirements = list(parsed(text))
    names = {requirement.name for _, requirement in requirements}
    # A file that names neither channels-realtime nor an old Django may be of a project that has
    # moved already, and that installs the right versions without a resolver.
    must_go = "channels-realtime" in names or any(
        is_too_low(requirement, lowest)
        for _, requirement in requirements
        if requirement.name == "django"
    )
    for line, requirement in requirements:
        name, allowed = requirement.name, requirement.specifier
        if name in WRITTEN_FOR:
            # Beside channels-realtime, a resolver cannot install even the right version.
            if must_go or not allowed.contains(WRITTEN_FOR[name]):
                yield Pin("legacy-pin", line)
        elif name == "asgiref":
            # Alone in its file, it is the one beside Django's.
            if names & {"django", "channels"} and any(
                ends_below(ASGIREF, each) for each in allowed
            ):
                yield Pin("legacy-pin", line)
        elif name in ON_CHANNELS:
            yield Pin("channels-package", line)
        elif name in ("asgi-ipc", "asgi-rabbitmq", "channels-redis", "msgpack-python"):
            yield Pin("legacy-pin", line)
        elif is_too_low(requirement, lowest):
            yield Pin("requirement", line)


def is_too_low(requirement: Requirement, lowest: dict[str, Version]) -> bool:
    """Whether it excludes all versions that channels-realtime allows; see needed()."""
    bound = lowest.get(requirement.name)
    return bound is not None and any(ends_below(bound, each) for each in requirement.specifier)


def parsed(text: str) -> Iterator[tuple[int, Requirement]]:
    """Line number and requirement, with a canonical name, of what this Python would install."""
    for number, line in enumerate(text.splitlines(), 1):
        line = re.sub(r"(^|\s)#.*", "", line).split(" --")[0].strip().rstrip("\\")
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue  # an option, an address, or nothing
        if requirement.marker is None or requirement.marker.evaluate():
            requirement.name = canonicalize_name(requirement.name)
            yield number, requirement


def ends_below(lowest: Version, specifier: Specifier) -> bool:
    """Whether a specifier allows nothing from `lowest` up."""
    text = specifier.version
    if specifier.operator == "<":
        return Version(text) <= lowest
    if specifier.operator == "<=":
        return Version(text) < lowest
    if specifier.operator == "==" and not text.endswith(".*"):
        return Version(text) < lowest
    if specifier.operator in ("==", "~="):
        release = Version(text.removesuffix(".*")).release
        kept = release if specifier.operator == "==" else release[:-1]
        above = (*kept[:-1], kept[-1] + 1)
        return Version(".".join(map(str, above))) <= lowest
    return False
