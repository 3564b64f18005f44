"""A slow line between a reader and the product, which all connections of the reader share."""

import contextlib
import socket
import threading
import time

CHUNK = 1024  # bytes; what is under way when a connection ends is lost
BUFFER = 4096  # bytes that the kernel may hold for us: what the line has not carried stays behind


class SlowLine:
    """A context manager: a TCP proxy on `port` to 127.0.0.1:`target`, in threads of its own.

    `rate`: bytes a second towards the reader, None for no limit. `carried` counts them.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.rate: float | None = None
        self.carried = 0
        self.is_cut = False
        self.free = 0.0  # when the line has carried what it was given
        self.lock = threading.Lock()
        self.sockets: set[socket.socket] = set()

    def __enter__(self) -> "SlowLine":
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        self.run(self.accept)
        return self

    def __exit__(self, *_: object) -> None:
        # close() alone would leave accept() waiting.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.cut()

    def cut(self) -> None:
        """End every connection, and refuse new ones until mend()."""
        self.is_cut = True
        for each in list(self.sockets):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def mend(self, rate: float | None) -> None:
        self.rate, self.carried, self.free = rate, 0, 0.0
        self.is_cut = False

    @staticmethod
    def run(function, *arguments) -> None:
        threading.Thread(target=function, args=arguments, daemon=True).start()

    def accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                if self.is_cut:
                    client.close()
                    continue
                server = socket.socket()
                server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
                client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
                server.connect(("127.0.0.1", self.target))
                self.sockets |= {client, server}
                self.run(self.carry, client, server, False)
                self.run(self.carry, server, client, True)

    def carry(self, source: socket.socket, target: socket.socket, is_slow: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK):
                if is_slow and self.rate:
                    self.wait_for_room(len(data))
                target.sendall(data)
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            self.sockets.discard(each)

    def wait_for_room(self, size: int) -> None:
        """The connections take turns, in the order in which they come."""
        with self.lock:
            self.free = max(self.free, time.monotonic()) + size / self.rate
            self.carried += size
            until = self.free
        time.sleep(max(0.0, until - time.monotonic()))
