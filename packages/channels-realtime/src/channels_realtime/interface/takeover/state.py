"""What one interface server hands to another, as msgpack carries it.

FORMAT changes with every field that is removed or gets another meaning. A field that is added needs
a default in the `restore` that reads it. Times are on the monotonic clock, which all processes of
one machine share; sizes are bytes.
"""

from typing import Any, Literal, NotRequired, TypedDict

from channels_realtime.metrics.counters import MetricsState

FORMAT = 1

Ending = Literal["", "closing", "half", "halving"]


class NewState(TypedDict):
    """A connection whose first request header is not complete, or that was refused."""

    received: bytes
    opened_at: float
    is_refused: bool


class WaitingState(TypedDict):
    """A handshake that waits in admission control, in order of arrival."""

    since: float
    header: bytes
    rest: bytes


class RequestState(TypedDict):
    """A request that workers have, or wait for in a full channel."""

    reply_channel: str
    method: bytes
    uri: bytes
    version: bytes
    client_addr: list[str | int] | None
    is_sent: bool
    started_at: float
    has_response: bool
    started_writing: bool
    chunked: bool
    sent_length: int
    code: int
    reason: bytes
    headers: list[tuple[bytes, bytes]]  # of the response, as long as they are not written


class ChannelState(TypedDict):
    """An HTTP connection. `received`: what follows the request, or a request that is incomplete."""

    received: bytes
    is_persistent: bool
    started_at: float | None  # of the incomplete request
    request: RequestState | None


class BucketState(TypedDict):
    """A rate limit."""

    rate: float
    tokens: float
    filled: float


class WebSocketState(TypedDict):
    """A WebSocket. `received`: frames that are not complete; before it is accepted, all bytes."""

    reply_channel: str
    is_registered: bool
    state: int
    path: str
    client_addr: list[str | int] | None
    order: int
    opened_at: float
    last_data: float
    key: bytes
    protocol_to_accept: str | None
    connect_sent: bool
    muted: bool
    early: list[bytes]
    bucket: BucketState | None
    pinged_at: float
    extension: bytes  # the header that accepts permessage-deflate
    received: bytes
    discards: bool  # the rest of a message that was refused
    closing_since: float | None
    close: dict[str, Any]  # autobahn's attributes of a socket that is being closed


class ConnectionState(TypedDict):
    """One connection; its descriptor travels beside it.

    `ending`: `closing` once all is sent, `half` after the half that we write was closed, `halving`
    where that is still to come.
    """

    family: int
    peer: list[Any]  # as accept() returned it
    is_reading: bool
    unsent: bytes
    ending: Ending
    new: NotRequired[NewState]
    waiting: NotRequired[WaitingState]
    http: NotRequired[ChannelState]
    websocket: NotRequired[WebSocketState]


class ChargeState(TypedDict):
    """What a request holds in Redis, whether or not its client is still there."""

    channel: str
    size: int
    body: int
    sent: bool
    expires: float


class MessageState(TypedDict):
    """A message for workers that Redis does not have yet."""

    channel: str
    message: dict[str, Any]


class BodiesState(TypedDict):
    charges: list[ChargeState]
    uploads: list[MessageState]  # by reply channel


class DepartureState(TypedDict):
    """A member that a shard has not removed from its groups yet."""

    shard: int
    name: str
    groups: list[str]


class SharedState(TypedDict):
    """What belongs to no single connection."""

    next_number: int  # of a reply channel
    groups: dict[str, list[str]]  # group -> reply channels
    bodies: BodiesState
    disconnects: list[MessageState]
    departures: list[DepartureState]
    metrics: MetricsState


class ListenerState(TypedDict):
    """A listening socket; its descriptor travels beside it."""

    description: str
    family: int
