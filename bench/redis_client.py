"""Just enough of a Redis client (RESP2) that no environment needs a library for it."""

import socket


class RedisClient:
    """One blocking connection to a Redis on 127.0.0.1."""

    def __init__(self, port):
        self.connection = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stream = self.connection.makefile("rb")

    def execute(self, *words):
        """Send one command of str words; return its reply: an int or a str, None for nil."""
        parts = [f"*{len(words)}\r\n".encode()]
        for word in words:
            encoded = word.encode()
            parts.append(b"$%d\r\n%s\r\n" % (len(encoded), encoded))
        self.connection.sendall(b"".join(parts))
        return read_reply(self.stream)

    def commands_processed(self):
        """How many commands this Redis has run since its start, this one included."""
        stats = self.execute("INFO", "stats")
        for line in stats.splitlines():
            if line.startswith("total_commands_processed:"):
                return int(line.partition(":")[2])
        raise ValueError("INFO stats has no total_commands_processed")

    def close(self):
        self.stream.close()
        self.connection.close()


def read_reply(stream):
    """Read one simple reply (no arrays) from a binary stream."""
    line = stream.readline()
    kind, rest = line[:1], line[1:-2]
    if kind == b"+":
        return rest.decode()
    if kind == b":":
        return int(rest)
    if kind == b"$":
        length = int(rest)
        return None if length < 0 else stream.read(length + 2)[:-2].decode()
    raise ConnectionError(f"Redis answered {line!r}")
