"""A blocking connection to one Redis: several commands in one round trip, scripts by their name.

redis-py opens it (addresses, TLS, passwords, Sentinel) and implements the protocol; its client on
top would cost more than the commands.
"""

import select
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import hiredis
import redis

from channels_realtime.layer.commands import Command, Reply, Value
from channels_realtime.layer.shard import (
    FAILURES,
    PATIENCE,
    Shard,
    ShardAway,
    garbage_refused,
    seconds,
)
from channels_realtime.layer.wire import Wire, parse_with_hiredis, take_socket

# hiredis's stub describes a tuple of one element.
# s beyond the deadline that a wait for a message gets: TCP sends again after 0.2, 0.6, 1.4, 3 and
# 6.2 s, and a message that Redis has sent to a connection is lost with it.
LATE = 3.0

pack: Callable[[tuple[Value, ...]], bytes] = hiredis.pack_command  # type: ignore[assignment]

SCRIPTS = {path.stem: path.read_text() for path in (Path(__file__).parent / "lua").glob("*.lua")}


class Popped(NamedTuple):
    """An entry that was taken from a list."""

    connection: "Connection"
    list: bytes
    entry: bytes


class Connection:
    """One thread's connection to a shard. Opened at its first use, and again after it was lost.

    `loss`: the command that announces a lost message; see announce_loss().
    """

    def __init__(self, shard: Shard, loss: Command[None] | None = None) -> None:
        self.shard = shard
        self.loss = loss
        self.has_lost = False  # whether a message may have been lost
        self.wire: Wire | None = None
        self.hashes: dict[str, str] = {}
        self.client_id = 0
        self.replaced: tuple[Value, ...] = ()  # names the connection before this one to Redis
        self.popping = False

    def open(self, patience: float = PATIENCE) -> Wire:
        """Connect as dial() does; where that fails, other connections fail at once.

        A shard that has just gone away is waited for until it has been away for `patience`
        seconds. Raises redis.RedisError or OSError.
        """
        self.shard.require(patience)
        try:
            return self.dial()
        except (redis.RedisError, OSError) as error:
            self.shard.lost(error)
            raise

    def dial(self) -> Wire:
        """Connect, load the scripts, read the clock."""
        wire = self.shard.dial()
        try:
            self.wire = wire
            loads = [("SCRIPT", "LOAD", text) for text in SCRIPTS.values()]
            with garbage_refused(self.shard):
                self.end_replaced()
                *hashes, client_id, now = self.exchange([*loads, ("CLIENT", "ID"), ("TIME",)])
                self.shard.clock.set(seconds(now))
                parse_with_hiredis(wire)
        except BaseException:
            self.close()
            raise
        self.hashes = dict(zip(SCRIPTS, hashes, strict=True))
        self.client_id = client_id
        self.announce_loss()
        name = take_socket(wire).getsockname()
        if isinstance(name, tuple):  # no unix socket, which no network can cut
            host, port, *_ = name
            address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            self.replaced = ("ID", client_id, "ADDR", address)
        return wire

    def end_replaced(self) -> None:
        """Have Redis drop the connection that was lost.

        Where the network was cut, Redis goes on to hold it, and sends a message to it if it waits
        for one. The address keeps another Redis, one that Sentinel promoted, from dropping a
        client that has the same number there.
        """
        if self.replaced:
            with suppress(redis.ResponseError):  # a user may be denied this command
                self.exchange([("CLIENT", "KILL", *self.replaced)])
            self.replaced = ()

    def announce_loss(self) -> None:
        """Tell the interface servers if the previous connection ended during a wait.

        What Redis has sent to a connection is lost with it, and a client may wait for the answer.
        """
        if self.has_lost and self.loss is not None:
            with suppress(redis.ResponseError):  # a full memory; they notice that themselves
                self.exchange([self.evalsha(self.loss)])
        self.has_lost = False

    def close(self) -> None:
        self.has_lost = self.has_lost or self.popping
        self.popping = False
        if self.wire is not None:
            self.wire.disconnect()
            self.wire = None

    def read_clock(self) -> None:
        """Read Redis's time, unless it was read within the last second."""
        if not self.shard.clock.is_fresh():
            [now] = self.exchange([("TIME",)])
            self.shard.clock.set(seconds(now))

    def evalsha(self, command: Command[object]) -> tuple[Value, ...]:
        """The Redis command that runs the script."""
        keys = command.keys
        return ("EVALSHA", self.hashes[command.script], len(keys), *keys, *command.arguments)

    def run(self, command: Command[Reply]) -> Reply:
        """Run one script, as pipeline() does; its reply."""
        return self.pipeline([command])[0]

    def pipeline(self, commands: Sequence[Command[Reply]]) -> list[Reply]:
        """Run the commands in one round trip; returns their replies.

        Where the connection is lost under way all of them are sent again on a new one: what
        appends to a list carries a number by which Redis finds that it was done already. An error
        reply is raised once all replies are read.

        Raises ShardAway after PATIENCE seconds without Redis, or another redis.RedisError.
        """
        if self.popping:
            return self.run_aside(commands)
        replies = self.repeat(lambda: [self.evalsha(command) for command in commands])
        return parse(commands, replies)

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
            except (redis.exceptions.NoScriptError, redis.ReadOnlyError):
                # SCRIPT FLUSH: opening loads the scripts again. Or the master has become a replica:
                # the name, or Sentinel, leads to the one that was promoted.
                self.close()
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
        wire = self.wire or self.open()
        try:
            packed = b"".join(map(pack, map(tuple, commands)))
            if unanswered:
                packed += pack(tuple(unanswered))
            wire.send_packed_command([packed], check_health=False)
            replies = [read(wire) for _ in commands]
        except BaseException:
            # Whatever the reason, a signal for example: replies that were not read may follow.
            self.close()
            raise
        for reply in replies:
            if isinstance(reply, Exception):
                raise reply
        return replies

    def pipeline_and_pop(
        self, commands: Sequence[Command[Reply]], lists: Sequence[str], wait: int
    ) -> list[Reply]:
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
            replies = self.exchange(
                [self.evalsha(command) for command in commands],
                unanswered=("BLPOP", *lists, wait),
            )
        except redis.exceptions.NoScriptError:
            # The BLPOP waits all the same. Another connection loads the scripts for this one.
            return self.run_aside(commands)
        return parse(commands, replies)

    def run_aside(self, commands: Sequence[Command[Reply]]) -> list[Reply]:
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

    def end_pop(self) -> Popped | None:
        """An entry, or None after the seconds that begin_pop() named.

        These must be fewer than ANSWER_WITHIN: another deadline for each reply costs two system
        calls per message.
        """
        assert self.wire is not None, "begin_pop() comes before"
        try:
            reply = read_reply(self.wire, LATE)
            if reply is None:
                return None
            if not (isinstance(reply, list) and len(reply) == 2):
                raise redis.InvalidResponse(f"{reply!r:.80} is no reply to BLPOP")
            return Popped(self, *reply)
        except BaseException as error:
            self.close()
            if isinstance(error, redis.TimeoutError):
                self.shard.lost(error)
            raise
        finally:
            self.popping = False


def read_reply(wire: Wire, late: float = 0.0) -> Any:
    """The next reply. Raises redis.RedisError and OSError, error replies too.

    It may come `late` seconds after the deadline. A process that was stopped (SIGSTOP) and is then
    signalled finds that its deadline has passed, although the reply is there. With the reply to a
    BLPOP a message would be lost.
    """
    try:
        return wire.read_response(disconnect_on_error=False)
    except redis.TimeoutError:
        if not select.select([take_socket(wire)], [], [], late)[0]:
            raise
    return wire.read_response(disconnect_on_error=False)


def read(wire: Wire) -> Any:
    """The next reply; an error reply as a value."""
    try:
        return read_reply(wire)
    except redis.ResponseError as error:
        return error


def parse(commands: Sequence[Command[Reply]], replies: Sequence[Any]) -> list[Reply]:
    """The typed replies of commands that Redis has answered with these."""
    return [command.parse(reply) for command, reply in zip(commands, replies, strict=True)]
