"""A script of layer/lua with its keys and arguments, the shard that runs it, and its reply."""

from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar

Value = str | bytes | int | float
Reply = TypeVar("Reply", covariant=True)


class Command(NamedTuple, Generic[Reply]):
    """`script` names a file of layer/lua, which documents `keys` and `arguments`.

    `parse` makes the typed reply of the one that Redis sends. Scripts.* make commands.
    """

    shard: int
    script: str
    keys: tuple[str, ...]
    arguments: tuple[Value, ...]
    parse: Callable[[Any], Reply]
