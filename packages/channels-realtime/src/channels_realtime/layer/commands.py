"""A script of layer/lua with its keys and arguments, and the shard that runs it."""

from typing import NamedTuple

Value = str | bytes | int | float


class Command(NamedTuple):
    """`script` names a file of layer/lua, which documents `keys` and `arguments`."""

    shard: int
    script: str
    keys: tuple[str, ...]
    arguments: tuple[Value, ...] = ()
