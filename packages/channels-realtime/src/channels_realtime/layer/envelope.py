"""What lies in a channel's list: one entry per message, body and all.

An entry is an 8-byte big-endian double, the second (of Redis's own clock) at which a script put
it there, and then the envelope: MessagePack, encrypted as a whole where the layer has keys.

    [MESSAGE, channel, message]   for one channel; channel is None where the list's name says it
    [GROUP, group, message]       for every member of the group that the list's owner holds
    [JOIN, group, channel]        the channel is now in the group
    [LEAVE, group, channel]       the channel is no longer in the group
    [ACKNOWLEDGED, id, message]   for the list's channel, whose messages are acknowledged
    [LOSS, "", nothing]           a worker may have lost what it was given until now

A GROUP may have a fourth element, a Mark as [version, every].

A message of a stream is a GROUP with a place in the group's history. The script that appends it
gives the place, so it stands between the time stamp and the envelope, and is not encrypted: the
byte 0xC1, which begins no MessagePack and no encrypted text, 12 letters of the epoch and 8 bytes of
the offset. The envelope is

    [STREAM, group, message, key] where `key` is the field of the text that gets the position

and unpacks to a GROUP whose text has that field.
"""

import json
import re
import struct
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import msgpack

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

MESSAGE, GROUP, JOIN, LEAVE, ACKNOWLEDGED, STREAM, LOSS = range(7)
Content = dict[str, Any]  # of a message, as the ASGI 1.x draft has it
STAMP = struct.Struct(">d")
PLACE = struct.Struct(">c12sQ")  # 0xC1, epoch, offset: what send_group.lua packs
PLACED = b"\xc1"


class BadEnvelope(Exception):
    """An entry that is no envelope, or that none of our keys decrypts."""


class Position(NamedTuple):
    """The place of a message in a stream. Its text is "<epoch>-<offset>".

    Args:
        epoch: 12 hexadecimal digits; another one where Redis may have lost messages.
        offset: counts the messages from 1.
    """

    epoch: str
    offset: int

    def __str__(self) -> str:
        return f"{self.epoch}-{self.offset}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The position with this text, as a client sends it back. Raises ValueError."""
        found = re.fullmatch(r"([0-9a-f]{12})-([0-9]{1,15})", text, re.ASCII)
        if not found:
            raise ValueError(f"{text!r:.80} is no position in a stream")
        return cls(found[1], int(found[2]))


class Mark(NamedTuple):
    """What its sender says of a message to a group.

    Args:
        version: names the state of a member that has received this message and all before it.
        every: 0 for a message that brings the version about. Otherwise the message is a heartbeat,
            which only repeats the version: where an interface server has missed nothing, every n-th
            one is enough for its sockets.
    """

    version: str
    every: int = 0


class Envelope(NamedTuple):
    """`name`: a channel, a group or an id, as the kind says."""

    kind: int
    name: str | None
    content: Any
    mark: Mark | None = None


class Codec:
    """Packs and unpacks envelopes. `crypter`: a MultiFernet, or None for plain text."""

    def __init__(self, crypter: "MultiFernet | None" = None) -> None:
        self.crypter = crypter

    def pack(self, kind: int, name: str | None, content: object, mark: Mark | None = None) -> bytes:
        parts = [kind, name, content] if mark is None else [kind, name, content, mark]
        return self.pack_parts(parts)

    def pack_stream(self, group: str, content: Content, key: str | None) -> bytes:
        """A message of a stream; a script appends it and adds the position."""
        return self.pack_parts([STREAM, group, content, key])

    def pack_parts(self, parts: list[Any]) -> bytes:
        packed: bytes = msgpack.packb(parts, use_bin_type=True)
        return self.crypter.encrypt(packed) if self.crypter else packed

    def unpack(self, entry: bytes) -> Envelope:
        """The envelope of an entry as it lay in the list. Raises BadEnvelope."""
        packed = entry[STAMP.size :]
        position = None
        try:
            if packed[:1] == PLACED:
                _, epoch, offset = PLACE.unpack_from(packed)
                position = Position.parse(f"{epoch.decode()}-{offset}")
                packed = packed[PLACE.size :]
            if self.crypter:
                packed = self.crypter.decrypt(packed)
            # ASGI allows any key that MessagePack can hold.
            parts = msgpack.unpackb(packed, strict_map_key=False)
            kind, name, content, *marks = parts
            if position is not None:
                [key] = marks
                if kind != STREAM or type(name) is not str or not isinstance(key, str | None):
                    raise ValueError(f"kind {kind!r} with a position")
                return Envelope(GROUP, name, with_position(content, key, position))
            mark = Mark(*marks[0]) if marks else None
        except Exception as error:
            raise BadEnvelope(repr(error)) from error
        known = type(parts) is list and kind in (MESSAGE, GROUP, JOIN, LEAVE, ACKNOWLEDGED, LOSS)
        if not known or not isinstance(name, str | None):
            raise BadEnvelope(f"kind {kind!r} of {name!r}")
        if mark is not None and not (type(mark.version) is str and type(mark.every) is int):
            raise BadEnvelope(f"mark {mark!r} of {name!r}")
        return Envelope(kind, name, content, mark)


def stamp(entry: bytes) -> float:
    """When the entry was put into its list, in seconds of Redis's clock; 0 if it does not say."""
    if len(entry) < STAMP.size:
        return 0.0
    seconds: float = STAMP.unpack_from(entry)[0]
    return seconds


def with_position(content: Content, key: str | None, position: Position) -> Content:
    """The message with the position as a field of its text, unless `key` is None.

    The text is a JSON object; the position becomes its last field, a string.
    """
    if key is None:
        return content
    fields = content["text"].rstrip().removesuffix("}").rstrip()
    comma = "" if fields.endswith("{") else ","
    return {**content, "text": f'{fields}{comma}{json.dumps(key)}:"{position}"}}'}
