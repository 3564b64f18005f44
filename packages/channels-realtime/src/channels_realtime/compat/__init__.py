"""Makes channels 1.1.8, daphne 1.4.2 and asgi-redis 1.4.3 run on a supported Django and Python.

`install()` must run before the first import of any of them. Each bridge is one function that says
what broke. All monkeypatches of the legacy packages live in this package: what makes them import
and work in `bridges`, what changes how they behave in `behaviour`.
"""

import sys
from collections.abc import Callable

from channels_realtime.compat import behaviour, bridges, delay, testcases
from channels_realtime.compat.versions import (
    LEGACY,
    LEGACY_ASGIREF,
    LEGACY_PINS,
    WRITTEN_FOR,
    UnsupportedPackage,
    add_legacy_folder,
    refuse_other_versions,
)

__all__ = [
    "BRIDGES",
    "LEGACY",
    "LEGACY_ASGIREF",
    "LEGACY_PINS",
    "WRITTEN_FOR",
    "UnsupportedPackage",
    "install",
    "install_or_exit",
    "refuse_other_versions",
]

Bridge = Callable[[], None]

# In the order in which they depend on each other.
BRIDGES: tuple[Bridge, ...] = (
    bridges.extend_asgiref,
    bridges.provide_cgi,
    bridges.alias_six,
    bridges.accept_providing_args,
    bridges.provide_distutils,
    bridges.rename_delay_app,
    bridges.pack_with_current_msgpack,
    bridges.add_to_groups_with_current_redis,
    behaviour.outlast_blpop,
    behaviour.name_sessions_by_reply_channel,
    behaviour.bound_enforce_ordering,
    behaviour.let_responses_come_later,
    behaviour.close_sockets_by_exception,
    behaviour.load_the_development_server_late,
    delay.move_delayed_messages,
    testcases.adapt_test_cases,
)

_applied: set[Bridge] = set()


def install() -> None:
    """Apply every bridge once.

    Later calls do nothing, but after an error the next call goes on with the bridge that failed.

    Raises:
        UnsupportedPackage: a legacy package is missing or has another version.
    """
    if _applied.issuperset(BRIDGES):
        return
    add_legacy_folder()
    refuse_other_versions()
    for bridge in BRIDGES:
        if bridge not in _applied:
            bridge()
            _applied.add(bridge)


def install_or_exit() -> None:
    """install() for the entry point of a program: instead of a traceback, a sentence on stderr."""
    try:
        install()
    except UnsupportedPackage as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
