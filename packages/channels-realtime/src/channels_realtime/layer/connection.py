"""A blocking connection to one Redis: several commands in one round trip, scripts by their name.

redis-py opens it (addresses, TLS, passwords, Sentinel) and speaks the protocol; its client on top
would cost more than the commands do.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import hiredis
import redis

from channels_realtime.internals import parse_with_hiredis
from channels_realtime.layer.commands import Command, Value
from channels_realtime.layer.shard import (
    FAILURES,
    PATIENCE,
    Shard,
    ShardAway,
    garbage_refused,
    seconds,
)

SCRIPTS = {path.stem: path.read_text() for path in (Path(__file__).parent / "lua").glob("*.lua")}


class Connection:
    """One thread's connection to a shard. Opened at its first use, and again after it was lost."""

    def __init__(self, shard: Shard) -> None:
        self.shard = shard
        self.wire: Any = None
        self.hashes: dict[str, str] = {}
        self.client_id = 0
        self.popping = False

    def open(self, patience: float = PATIENCE) -> None:
        """Connect as dial() does, and let everybody know where that fails.

        A shard that has just gone away is waited for until it has been away for `patience`
        seconds. Raises redis.RedisError or OSError.
        """
        self.shard.require(patience)
        try:
            self.dial()
        except (redis.RedisError, OSError) as error:
            self.shard.lost(error)
            raise

    def dial(self) -> None:
        """Connect, load the scripts, read the clock."""
        wire = self.shard.dial()
        try:
            self.wire = wire
            loads = [("SCRIPT", "LOAD", text) for text in SCRIPTS.values()]
            with garbage_refused(self.shard):
                *hashes, client_id, now = self.exchange([*loads, ("CLIENT", "ID"), ("TIME",)])
                self.shard.clock.set(seconds(now))
                parse_with_hiredis(wire)
        except BaseException:
            self.close()
            raise
        self.hashes = dict(zip(SCRIPTS, hashes, strict=True))
        self.client_id = client_id

    def close(self) -> None:
        self.popping = False
        if self.wire is not None:
            self.wire.disconnect()
            self.wire = None

    def read_clock(self) -> None:
        """Ask Redis for its time, unless it has said it within the last second."""
        if not self.shard.clock.is_fresh():
            [now] = self.exchange([("TIME",)])
            self.shard.clock.set(seconds(now))

    def evalsha(self, command: Command) -> tuple[Value, ...]:
        """The Redis command that runs the script."""
        return self.script(command.script, command.keys, command.arguments)

    def script(
        self, name: str, keys: Sequence[str], arguments: Sequence[Value]
    ) -> tuple[Value, ...]:
        """The Redis command that runs one of layer/lua."""
        return ("EVALSHA", self.hashes[name], len(keys), *keys, *arguments)

    def run(self, name: str, keys: Iterable[str] = (), arguments: Iterable[Value] = ()) -> Any:
        """Run one script and return its reply."""
        return self.pipeline([Command(self.shard.index, name, tuple(keys), tuple(arguments))])[0]

    def pipeline(self, commands: Sequence[Command]) -> list[Any]:
        """Run the commands in one round trip; returns their replies.

        Where the connection is lost under way all of them are sent again on a new one: what
        appends to a list carries a number by which Redis finds that it was done already. An error
        reply is raised once all replies are read.

        Raises ShardAway after PATIENCE seconds without Redis, or another redis.RedisError.
        """
        if self.popping:
            return self.run_aside(commands)
        return self.repeat(lambda: [self.evalsha(command) for command in commands])

    def ask(self, commands: Sequence[Sequence[Value]]) -> list[Any]:
        """As pipeline(), for plain Redis commands that may as well be carried out twice."""
        return self.repeat(lambda: commands)

    def repeat(self, commands: Callable[[], Sequence[Sequence[Value]]]) -> list[Any]:
        """Send what `commands` returns once the connection is open, until it is answered."""
        for last in (False, False, True):  # the connection was lost; opening failed; Redis is back
            try:
                if self.wire is None:
                    self.open()
                return self.exchange(commands())
            except ShardAway:
                raise
            except redis.exceptions.NoScriptError:
                self.close()  # SCRIPT FLUSH; opening loads the scripts again
                if last:
                    raise
            except FAILURES as error:
                if isinstance(error, redis.TimeoutError):
                    self.shard.lost(error)  # it keeps the connection and does not answer
                if last:
                    raise
        raise AssertionError("the last attempt returns or raises")

    def exchange(
        self,
        commands: Sequence[Sequence[Value]],
        unanswered: Sequence[Value] | None = None,
    ) -> list[Any]:
        """Send commands in one write, read their replies; not that of an `unanswered` last one."""
        if self.wire is None:
            self.open()
        try:
            packed = b"".join(map(hiredis.pack_command, map(tuple, commands)))
            if unanswered:
                packed += hiredis.pack_command(tuple(unanswered))
            self.wire.send_packed_command([packed], check_health=False)
            replies = [self.read() for _ in commands]
        except BaseException:
            # Whatever ended it, also a signal: replies that nobody read may follow.
            self.close()
            raise
        for reply in replies:
            if isinstance(reply, Exception):
                raise reply
        return replies

    def read(self) -> Any:
        try:
            return self.wire.read_response()
        except redis.ResponseError as error:
            return error

    def pipeline_and_pop(
        self, commands: Sequence[Command], lists: Sequence[str], wait: int
    ) -> list[Any]:
        """pipeline(), and a BLPOP behind it whose reply end_pop() reads.

        Where a BLPOP waits already, as after an error reply to one of the commands, they run on
        another connection.
        """
        if self.popping:
            return self.run_aside(commands)
        if self.wire is None:
            self.open()
        self.popping = True
        try:
            return self.exchange(
                [self.evalsha(command) for command in commands],
                unanswered=("BLPOP", *lists, wait),
            )
        except redis.exceptions.NoScriptError:
            # The BLPOP waits all the same. Another connection loads the scripts for this one.
            return self.run_aside(commands)

    def run_aside(self, commands: Sequence[Command]) -> list[Any]:
        """pipeline() while this connection waits in BLPOP."""
        spare = Connection(self.shard)
        try:
            return spare.pipeline(commands)
        finally:
            spare.close()

    def begin_pop(self, lists: Sequence[str], wait: int) -> None:
        """Send a BLPOP; end_pop() reads its reply."""
        if self.wire is None:
            self.open()
        self.popping = True
        self.exchange((), unanswered=("BLPOP", *lists, wait))

    def end_pop(self) -> list[bytes] | None:
        """[list, entry], or None after the seconds that begin_pop() named.

        These must be fewer than ANSWER_WITHIN: another deadline for each reply costs two system
        calls per message.
        """
        try:
            popped = self.wire.read_response()
            if popped is not None and not (isinstance(popped, list) and len(popped) == 2):
                raise redis.InvalidResponse(f"{popped!r:.80} is no reply to BLPOP")
            return popped
        except BaseException as error:
            self.close()
            if isinstance(error, redis.TimeoutError):
                self.shard.lost(error)
            raise
        finally:
            self.popping = False
