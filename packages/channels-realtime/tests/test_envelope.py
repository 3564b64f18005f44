"""What goes into an envelope comes out of it; what is damaged is refused in one way."""

import math

import msgpack
import pytest
from asgi_redis.core import BaseRedisChannelLayer
from channels_realtime.layer.envelope import (
    ACKNOWLEDGED,
    GROUP,
    JOIN,
    LEAVE,
    MESSAGE,
    STAMP,
    BadEnvelope,
    Codec,
    Mark,
    stamp,
)
from cryptography.fernet import MultiFernet
from hypothesis import example, given
from hypothesis import strategies as st

KINDS = (MESSAGE, GROUP, JOIN, LEAVE, ACKNOWLEDGED)


def crypter(*keys):
    return MultiFernet([BaseRedisChannelLayer.make_fernet(None, key) for key in keys])


PLAIN, ENCRYPTED = Codec(), Codec(crypter("a key", "an old key"))
codecs = pytest.mark.parametrize("codec", [PLAIN, ENCRYPTED], ids=["plain", "encrypted"])

# Strings that UTF-8 can hold: MessagePack has no other.
texts = st.text(st.characters(exclude_categories=["Cs"]))
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 64) - 1)
    | st.floats()
    | texts
    | st.binary()
    | st.builds(msgpack.ExtType, st.integers(0, 127), st.binary())
    | st.builds(
        msgpack.Timestamp, st.integers(-(1 << 63), (1 << 63) - 1), st.integers(0, 999999999)
    )
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(scalars, inner, max_size=5),
    max_leaves=20,
)


def equal(one, other):
    """Equality by which NaN is itself, and True is not 1."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return one == other or (math.isnan(one) and math.isnan(other))
    if isinstance(one, list):
        return len(one) == len(other) and all(map(equal, one, other))
    if isinstance(one, dict):
        return equal([list(pair) for pair in one.items()], [list(pair) for pair in other.items()])
    return one == other


def entry(packed, at=0.0):
    """An envelope as it lies in a list."""
    return STAMP.pack(at) + packed


@codecs
@given(kind=st.sampled_from(KINDS), name=st.none() | texts, content=values)
def test_any_value_comes_out_as_it_went_in(codec, kind, name, content):
    envelope = codec.unpack(entry(codec.pack(kind, name, content)))
    assert equal(list(envelope), [kind, name, content, None])


@codecs
@given(version=texts, every=st.integers(0, 1 << 31))
def test_a_mark_comes_out_as_it_went_in(codec, version, every):
    mark = Mark(version, every)
    assert codec.unpack(entry(codec.pack(GROUP, "group", {}, mark))).mark == mark


@given(st.floats(allow_nan=False), st.binary())
def test_the_stamp_is_read_whatever_follows_it(at, packed):
    assert stamp(entry(packed, at)) == at


@codecs
@given(data=st.binary(max_size=300))
@example(data=b"")
@example(data=b"short")
def test_any_bytes_are_an_envelope_or_refused(codec, data):
    try:
        kind, name, *_ = codec.unpack(data)
    except BadEnvelope:
        return
    assert kind in KINDS
    assert name is None or isinstance(name, str)


@codecs
@given(parts=values)
@example(parts=[MESSAGE, None])
@example(parts=[MESSAGE, None, {}, {}])
@example(parts=[len(KINDS), "name", {}])
@example(parts=[-1, "name", {}])
@example(parts=[GROUP, ["a list is no name, and no key of a dict"], {}])
@example(parts=[GROUP, 7, {}])
@example(parts={0: None, None: None, 1: None})
def test_well_packed_nonsense_is_refused(codec, parts):
    packed = msgpack.packb(parts, use_bin_type=True)
    data = entry(codec.crypter.encrypt(packed) if codec.crypter else packed)
    shape = isinstance(parts, list) and len(parts) == 3
    if shape and parts[0] in KINDS and isinstance(parts[1], str | None):
        codec.unpack(data)
    else:
        with pytest.raises(BadEnvelope):
            codec.unpack(data)


@given(st.data(), values)
def test_a_damaged_encrypted_envelope_is_refused(data, content):
    whole = entry(ENCRYPTED.pack(MESSAGE, "channel", content))
    place = data.draw(st.integers(STAMP.size, len(whole) - 1))
    changed = data.draw(st.integers(0, 255).filter(lambda byte: byte != whole[place]))
    damaged = whole[:place] + bytes([changed]) + whole[place + 1 :]
    try:
        unpacked = ENCRYPTED.unpack(damaged)
    except BadEnvelope:
        return
    # base64 has spare bits in its last character: the token itself is then the same.
    assert equal(list(unpacked), [MESSAGE, "channel", content])


@codecs
@given(data=st.data(), content=values)
def test_a_truncated_envelope_is_refused(codec, data, content):
    whole = entry(codec.pack(MESSAGE, "channel", content))
    with pytest.raises(BadEnvelope):
        codec.unpack(whole[: data.draw(st.integers(0, len(whole) - 1))])


def test_what_another_key_has_encrypted_is_refused():
    foreign = Codec(crypter("another key"))
    with pytest.raises(BadEnvelope):
        ENCRYPTED.unpack(entry(foreign.pack(MESSAGE, None, {})))
    with pytest.raises(BadEnvelope):
        ENCRYPTED.unpack(entry(PLAIN.pack(MESSAGE, None, {})))
    with pytest.raises(BadEnvelope):
        PLAIN.unpack(entry(ENCRYPTED.pack(MESSAGE, None, {})))


def test_what_an_old_key_has_encrypted_is_read():
    old = Codec(crypter("an old key"))
    unpacked = ENCRYPTED.unpack(entry(old.pack(JOIN, "group", "a!b")))
    assert unpacked == (JOIN, "group", "a!b", None)
