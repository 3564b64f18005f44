"""A WebSocket connection of the load client: handshake, pongs, frames counted."""

import asyncio
import os
import socket
import struct

from bench.client import handshake
from bench.client.frames import CLOSE, PING, PONG, FrameCounter, client_frame

MASK = os.urandom(4)
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class SocketProtocol(asyncio.Protocol):
    """One socket; `opened` is a future, `on_frames(count)` is the subclass's."""

    def __init__(self, request, prefix, frame_size, opened):
        self.request = request
        self.counter = FrameCounter(prefix, frame_size)
        self.opened = opened
        self.head = b""
        self.transport = None

    def connection_made(self, transport):
        self.transport = transport
        # A reset instead of FIN: thousands of sockets would else hold their ports in TIME_WAIT.
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        transport.write(self.request)

    def data_received(self, data):
        if self.head is not None:
            data = self._receive_head(data)
            if not data:
                return
        counter = self.counter
        count = counter.receive_data(data)
        if count:
            self.on_frames(count)
        if counter.control:
            self._answer_control()

    def _receive_head(self, data):
        self.head += data
        try:
            data = handshake.read_response(self.head)
        except handshake.HandshakeRefused as refusal:
            self._fail(str(refusal))
            return b""
        if data is None:
            return b""
        self.head = None
        if not self.opened.done():
            self.opened.set_result(None)
        return data

    def _answer_control(self):
        for opcode, payload in self.counter.control:
            if opcode == PING:
                self.transport.write(client_frame(PONG, payload, MASK))
            elif opcode == CLOSE:
                self.transport.abort()
        self.counter.control.clear()

    def _fail(self, reason):
        if not self.opened.done():
            self.opened.set_result(reason)
        self.transport.abort()

    def connection_lost(self, error):
        if self.head is not None:
            self._fail("connection closed during the handshake")
        else:
            self.on_lost()

    def on_frames(self, count):
        """`count` more expected frames arrived."""

    def on_lost(self):
        """An open socket went away."""
