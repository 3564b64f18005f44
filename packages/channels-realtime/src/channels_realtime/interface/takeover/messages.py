"""Messages between two interface servers on a unix socket, with file descriptors beside them."""

import array
import os
import socket
import struct
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgpack

HEADER = struct.Struct("!QI")  # bytes of the message, number of descriptors
MOST_DESCRIPTORS = 250  # per message; the kernel takes 253 (SCM_MAX_FD)
LONGEST = 1 << 32  # bytes: more is no message of ours
CREDENTIALS = struct.Struct("3i")  # pid, uid, gid: struct ucred, see unix(7)


class TransferError(Exception):
    """The other process has ended, or sent something else; the sentence says what."""


class Received(NamedTuple):
    """A message, and the descriptors that came with it, which now belong to this process."""

    content: dict[str, Any]
    descriptors: list[int]


def unpack(data: bytearray) -> dict[str, Any]:
    """The message that send() has packed. Raises TransferError."""
    try:
        content = msgpack.unpackb(
            data, raw=False, strict_map_key=False, unicode_errors="surrogatepass"
        )
    except ValueError as error:
        raise TransferError(f"The other end of the takeover socket sends {error!r}.") from error
    if not isinstance(content, dict):
        raise TransferError("The other end of the takeover socket is another program.")
    return content


class MessageSocket:
    """One end of the conversation. Every call blocks, until the deadline at most.

    Args:
        connection: a connected unix stream socket, which is closed by close().
    """

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.deadline = time.monotonic()

    def allow(self, seconds: float) -> None:
        """Set the deadline of the calls that follow."""
        self.deadline = time.monotonic() + seconds

    def send(self, content: dict[str, Any], descriptors: Sequence[int] = ()) -> None:
        """Send a message with at most MOST_DESCRIPTORS. Raises OSError, TimeoutError included."""
        data: bytes = msgpack.packb(content, use_bin_type=True, unicode_errors="surrogatepass")
        ancillary = []
        if descriptors:
            rights = array.array("i", descriptors)
            ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)]
        self.set_timeout()
        # Small enough to be taken whole. In a write of its own, because the descriptors arrive with
        # the bytes that they were sent with.
        self.connection.sendmsg([HEADER.pack(len(data), len(descriptors))], ancillary)
        view = memoryview(data)
        while view:
            self.set_timeout()
            view = view[self.connection.send(view) :]

    def receive(self) -> Received:
        """The next message. Raises TransferError, or OSError, TimeoutError included."""
        self.set_timeout()
        room = socket.CMSG_SPACE(MOST_DESCRIPTORS * array.array("i").itemsize)
        head, ancillary, flags, _ = self.connection.recvmsg(
            HEADER.size, room, socket.MSG_CMSG_CLOEXEC
        )
        descriptors = array.array("i")
        for level, kind, data in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
        try:
            if not head:
                raise TransferError("The other interface server has ended.")
            while len(head) < HEADER.size:
                head += self.read(HEADER.size - len(head))
            size, number = HEADER.unpack(head)
            if size > LONGEST:
                raise TransferError("The other end of the takeover socket is another program.")
            if flags & socket.MSG_CTRUNC or len(descriptors) != number:
                raise TransferError("This process may not open as many files as it would need.")
            content = unpack(self.read(size))
        except BaseException:
            for descriptor in descriptors:
                os.close(descriptor)
            raise
        return Received(content, descriptors.tolist())

    def read(self, size: int) -> bytearray:
        data = bytearray(size)
        view = memoryview(data)
        while view:
            self.set_timeout()
            number = self.connection.recv_into(view)
            if not number:
                raise TransferError("The other interface server has ended.")
            view = view[number:]
        return data

    def set_timeout(self) -> None:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("The other interface server does not answer.")
        self.connection.settimeout(left)

    def peer(self) -> tuple[int, int]:
        """The process id and user id of the other end."""
        data = self.connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size)
        pid, uid, _ = CREDENTIALS.unpack(data)
        return pid, uid

    def close(self) -> None:
        self.connection.close()
