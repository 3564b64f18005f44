"""Publishes with one HTTP POST a message, pipelined. Usage: http_post PORT PATH SIZE

nchan answers a POST after it has handed the message on, so waiting for each answer would turn a
burst into a closed loop; the answers are read after the last request.
"""

import socket
import sys

from bench.client.http_response import ResponseReader
from bench.publishers.serve import serve


def main(port, path, size):
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {size}\r\n\r\n"
    reader = ResponseReader()

    def publish(texts):
        connection.sendall("".join(head + text for text in texts).encode())
        answered = 0
        while answered < len(texts):
            data = connection.recv(65536)
            if not data:
                raise ConnectionError("the server closed the publisher's connection")
            while (status := reader.receive_data(data)) is not None:
                if status not in (200, 201, 202):
                    raise ConnectionError(f"publishing was answered with HTTP {status}")
                answered += 1
                data = b""

    serve(publish, size)


main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
