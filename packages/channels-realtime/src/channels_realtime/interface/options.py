"""What the command line decides, as one value."""

from dataclasses import dataclass

from channels_realtime.interface.proxy import TrustedProxies

BACKLOG = 4096  # connections that wait to be accepted; Twisted's 50 drops them in a burst


@dataclass(frozen=True)
class Options:
    """Sizes are in bytes, times in seconds; a time below 0 means without limit."""

    endpoints: tuple[str, ...]  # Twisted's descriptions of where to listen
    takeover: str  # path of the unix socket on which another process may take over; empty: none
    memory_budget: int
    drain: float  # how long sockets are closed for on SIGTERM
    http_timeout: float
    websocket_timeout: float
    websocket_connect_timeout: float
    ping_interval: float
    ping_timeout: float
    max_message: int
    write_buffer: int
    message_rate: float  # messages per second and socket; 0: unlimited
    compression: bool  # permessage-deflate, where clients offer it
    max_upload: int
    max_anonymous_upload: int
    session_cookie: bytes
    health_path: bytes  # empty: none
    ready_path: bytes  # empty: none
    root_path: str
    subprotocols: tuple[str, ...]
    proxies: TrustedProxies
