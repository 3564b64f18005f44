"""What a rule of the doctor is."""

import ast
from collections.abc import Callable, Iterable
from enum import Enum
from typing import NamedTuple

from channels_realtime.doctor.source import Module


class Who(Enum):
    """How a finding is resolved; the values are the headings of the report."""

    HAND = "To change by hand"
    TOOL = "django-upgrade rewrites"
    BRIDGES = "The bridges cover"


class Names(NamedTuple):
    """Dotted names with all that is below them: imported, used, or strings in settings."""

    names: tuple[str, ...]


def below(module: str, *names: str) -> tuple[str, ...]:
    """The dotted names of what is in the module."""
    return tuple(f"{module}.{name}" for name in names)


class Attributes(NamedTuple):
    """Attributes of anything. `called`: only where they are called."""

    names: tuple[str, ...]
    called: bool = False


class Keywords(NamedTuple):
    """A keyword of a call. `functions`: last names of what is called; empty: any."""

    keyword: str
    functions: tuple[str, ...] = ()


class Settings(NamedTuple):
    """Settings that are assigned."""

    names: tuple[str, ...]


class Methods(NamedTuple):
    """Methods that a class defines."""

    names: tuple[str, ...]


class Template(NamedTuple):
    """A regular expression in templates."""

    pattern: str


Find = Callable[[Module], Iterable[ast.AST]]
What = Names | Attributes | Keywords | Settings | Methods | Template | Find


class Rule(NamedTuple):
    id: str
    what: What | None  # None: found by channels_realtime.doctor.project
    sentence: str
    who: Who = Who.HAND
