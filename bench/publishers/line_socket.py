"""Publishes one line a message over a TCP connection. Usage: line_socket PORT SIZE"""

import socket
import sys

from bench.publishers.serve import serve


def main(port, size):
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    serve(lambda texts: connection.sendall("".join(f"{t}\n" for t in texts).encode()), size)


main(int(sys.argv[1]), int(sys.argv[2]))
