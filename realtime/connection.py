"""A blocking connection to one Redis: several commands in one round trip, scripts by their name.

redis-py opens it (addresses, TLS, passwords, Sentinel) and speaks the protocol; its client on top
would cost more than the commands do.
"""

import time
from pathlib import Path

import hiredis
import redis

SCRIPTS = {path.stem: path.read_text() for path in (Path(__file__).parent / "lua").glob("*.lua")}


class Connection:
    """Not for two threads at once. `pool`: the redis-py connection pool that knows the way."""

    def __init__(self, pool):
        self.pool = pool
        self.wire = None
        self.hashes = {}
        self.clock_offset = 0.0
        self.popping = False

    def open(self):
        """Connect, load the scripts, read the clock. Raises redis.ConnectionError."""
        wire = self.pool.make_connection()
        wire.connect()
        self.wire = wire
        loads = [("SCRIPT", "LOAD", text) for text in SCRIPTS.values()]
        *hashes, client_id, (seconds, microseconds) = self.exchange(
            [*loads, ("CLIENT", "ID"), ("TIME",)]
        )
        self.hashes = dict(zip(SCRIPTS, hashes, strict=True))
        self.client_id = client_id
        self.clock_offset = int(seconds) + int(microseconds) / 1e6 - time.time()

    def close(self):
        if self.wire is not None:
            self.wire.disconnect()
            self.wire = None

    def now(self) -> float:
        """Redis's clock, in seconds, as far as it was in step with ours when we connected."""
        return time.time() + self.clock_offset

    def script(self, name, keys, arguments) -> tuple:
        """The command that runs one of realtime/lua."""
        return ("EVALSHA", self.hashes[name], len(keys), *keys, *arguments)

    def run(self, name, keys, arguments):
        """Run one script and return its answer."""
        return self.pipeline([(name, keys, arguments)])[0]

    def pipeline(self, scripts):
        """Run several (name, keys, arguments) in one round trip; returns their answers.

        An exception among them is raised once all are read. A connection that turns out to be
        closed is opened once more: it is what a restarted Redis leaves behind.
        """
        for last_try in (False, True):
            if self.wire is None:
                self.open()
            try:
                return self.exchange([self.script(*script) for script in scripts])
            except redis.exceptions.NoScriptError:
                self.close()  # SCRIPT FLUSH under us: opening loads them again
                if last_try:
                    raise
            except redis.ConnectionError:
                self.close()
                if last_try:
                    raise

    def exchange(self, commands, unanswered=None):
        """Send commands in one write, read their answers; not that of an `unanswered` last one."""
        if self.wire is None:
            self.open()
        try:
            packed = b"".join(map(hiredis.pack_command, commands))
            if unanswered:
                packed += hiredis.pack_command(unanswered)
            self.wire.send_packed_command([packed], check_health=False)
            answers = [self.read() for _ in commands]
        except (redis.ConnectionError, redis.TimeoutError, OSError):
            self.close()
            raise
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return answers

    def read(self):
        try:
            return self.wire.read_response()
        except redis.ResponseError as error:
            return error

    def pipeline_and_pop(self, scripts, lists, wait):
        """As pipeline(), and a BLPOP behind it whose answer end_pop() reads."""
        for last_try in (False, True):
            if self.wire is None:
                self.open()
            commands = [self.script(*script) for script in scripts]
            self.popping = True
            try:
                return self.exchange(commands, unanswered=("BLPOP", *lists, wait))
            except redis.exceptions.NoScriptError:
                # The BLPOP waits all the same. Another connection loads the scripts for this one.
                spare = Connection(self.pool)
                try:
                    return spare.pipeline(scripts)
                finally:
                    spare.close()
            except redis.ResponseError:
                raise  # the BLPOP waits all the same
            except redis.ConnectionError:
                self.popping = False
                if last_try:
                    raise
            except BaseException:
                self.popping = False
                raise

    def begin_pop(self, lists, wait):
        """Send a BLPOP; end_pop() reads its answer: (list, entry), or None after `wait` s."""
        self.popping = True
        try:
            self.exchange((), unanswered=("BLPOP", *lists, wait))
        except BaseException:
            self.popping = False
            raise

    def end_pop(self):
        try:
            return self.wire.read_response()
        except (redis.ConnectionError, redis.TimeoutError, OSError):
            self.close()
            raise
        finally:
            self.popping = False
