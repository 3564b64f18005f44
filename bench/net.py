"""Ports and file descriptors."""

import resource
import socket

from bench.errors import BenchError


def free_port():
    """A TCP port of 127.0.0.1 that nothing listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def is_listening(port):
    """Whether a TCP connection to 127.0.0.1:port is accepted."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def raise_file_limit(wanted):
    """Let this process and its children open `wanted` files each."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= wanted:
        return
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise BenchError(
            f"The largest crowd needs {wanted} open files a process, the limit is {hard}; "
            f"raise it (ulimit -Hn {wanted}) or leave the crowd scenario out with --scenarios."
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
