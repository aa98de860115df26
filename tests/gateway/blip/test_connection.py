"""Two sides of a connection that send each other any messages; and sides that break the rules."""

from __future__ import annotations

import tracemalloc
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from django_cbtools.embedded.blip import connection as rules
from django_cbtools.embedded.blip import frames, messages
from django_cbtools.embedded.blip.connection import Connection
from django_cbtools.embedded.blip.frames import Decoder, Encoder, Frame, ProtocolError
from django_cbtools.embedded.blip.messages import Message
from tests.counts import EXAMPLES, FEW

texts = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=20)
bodies = st.one_of(
    st.binary(max_size=100),
    st.builds(lambda piece, count: piece * count, st.binary(min_size=1, max_size=9),
              st.sampled_from([1, 500, 9_000, 40_000])),
)  # fmt: skip
requests = st.builds(
    Message,
    properties=st.dictionaries(texts, texts, max_size=4),
    body=bodies,
    compressed=st.booleans(),
    urgent=st.booleans(),
    no_reply=st.booleans(),
)


def _said(message):
    return message.properties, message.body, message.compressed, message.urgent, message.no_reply


def _flush(source, target):
    """Send everything there is; return the messages that arrive, and the number of frames."""
    arrived, count = [], 0
    while (data := source.next_frame()) is not None:
        count += 1
        message = target.receive(data)
        if message is not None:
            arrived.append(message)
    return arrived, count


def _talk(one, other):
    """Let both sides send until nothing is left. Return what has arrived at each."""
    at_one, at_other = [], []
    while True:
        came, sent = _flush(one, other)
        at_other += came
        back, returned = _flush(other, one)
        at_one += back
        if not sent + returned:
            return at_one, at_other


@given(st.lists(requests, max_size=8))
@settings(max_examples=EXAMPLES)
def test_what_one_side_sends_the_other_receives(sent):
    one, other = Connection(), Connection()
    for message in sent:
        one.send(message)
    _, arrived = _talk(one, other)
    assert sorted(m.number for m in arrived) == [*range(1, len(sent) + 1)]
    for message in arrived:
        assert _said(message) == _said(sent[message.number - 1])
        other.reply(message, Message({"to": str(message.number)}, message.body[::-1]))
    answers, _ = _talk(one, other)
    assert {m.number for m in answers} == {m.number for m in sent if not m.no_reply}
    for answer in answers:
        assert answer.kind == frames.REPLY
        assert answer.properties == {"to": str(answer.number)}
        assert answer.body == sent[answer.number - 1].body[::-1]
    assert not one.waiting
    assert not other.waiting


@given(st.lists(st.booleans(), min_size=2, max_size=8))
def test_messages_begin_in_the_order_of_their_numbers_and_take_turns(urgent):
    one, decoder = Connection(), Decoder()
    for is_urgent in urgent:
        one.send(Message(body=b"x" * 40_000, urgent=is_urgent))
    sent = []
    while (data := one.next_frame()) is not None:
        sent.append(decoder.decode(data))
    firsts = list(dict.fromkeys(frame.number for frame in sent))
    assert firsts == sorted(firsts)
    # A long message does not hold up the others.
    assert [frame.number for frame in sent[: len(urgent)]] != [1] * len(urgent)


def test_a_side_stops_until_what_it_has_sent_is_acknowledged():
    one, other = Connection(), Connection()
    one.send(Message(body=bytes(1_000_000)))
    held = []
    while (data := one.next_frame()) is not None:
        held.append(data)
    assert sum(map(len, held)) < 200_000
    # Other messages go on.
    one.send(Message(body=b"short"))
    held.append(one.next_frame())
    assert one.next_frame() is None
    assert [other.receive(data) for data in held][-1].body == b"short"
    _, arrived = _talk(one, other)
    assert [len(message.body) for message in arrived] == [1_000_000]


def test_of_many_long_messages_the_oldest_goes_on(monkeypatch):
    """A phone sends ten revisions or attachments at a time, however long they are."""
    monkeypatch.setattr(rules, "MOST_OPEN_BYTES", 200_000)
    monkeypatch.setattr(rules, "MAX_OPEN_BYTES", 2_500_000)
    one, other = Connection(), Connection()
    for _ in range(10):
        one.send(Message(body=bytes(600_000)))
    _, arrived = _talk(one, other)
    assert [(message.number, len(message.body)) for message in arrived] == [
        (number, 600_000) for number in range(1, 11)
    ]


def test_long_requests_wait_for_the_side_that_has_enough_to_do():
    one, other = Connection(), Connection()
    question = other.send(Message())
    _, (asked,) = _talk(other, one)
    one.send(Message(body=bytes(600_000)))
    one.send(Message(body=b"short"))
    one.reply(asked, Message(body=bytes(700_000)))
    other.take_requests(False)
    _, arrived = _talk(one, other)
    assert sorted(len(message.body) for message in arrived) == [5, 700_000]
    assert {message.number for message in arrived} == {question, 2}
    other.take_requests(True)
    _, arrived = _talk(one, other)
    assert [len(message.body) for message in arrived] == [600_000]


def test_a_compressor_that_was_dropped_starts_again():
    one, other = Connection(), Connection()
    for _ in range(3):
        one.send(Message({"a": "b" * 50}, b"c" * 500, compressed=True))
        (message,) = _talk(one, other)[1]
        assert message.body == b"c" * 500
        one.rest()


def test_a_small_frame_can_have_a_thousand_times_as_much_text():
    """Couchbase Lite fills its frames with compressed bytes; others take as much from a message."""
    body = b"the same text " * 1_000_000
    frame = Encoder().encode(Frame(1, frames.COMPRESSED, b"\x00" + body))
    assert len(frame) < 100_000
    assert Connection().receive(frame).body == body


# ---------------------------------------------------------------- broken rules


def _frame(payload=b"\x00", number=1, flags=0):
    return Encoder().encode(Frame(number, flags, payload))


def _bomb(size):
    deflator = zlib.compressobj(9, wbits=-15)
    packed = deflator.compress(bytes(size)) + deflator.flush(zlib.Z_SYNC_FLUSH)
    return b"\x01\x08" + packed[:-4] + bytes(4)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x01",
        b"\xff" * 12,
        b"\x01\x00\x00",
        _frame()[:-1] + b"\x00",  # the checksum
        _frame(number=2),  # out of turn
        _frame(flags=frames.REPLY),  # to no request
        _frame(b"\x09a\x00b\x00"),  # properties that are too long
        _frame(b"\x02a\x00"),  # a property without a value
        _frame(b"\x04a\x00bc"),  # no NUL at the end
        _frame(b"\x04\xff\x00b\x00"),  # no UTF-8
        b"\x01\x08\x07" + bytes(4),  # no deflate
        _bomb(frames.MAX_PAYLOAD + 1),
        b"\x01\x08" + zlib.compressobj(wbits=-15).flush() + bytes(4),  # a last block
        bytes(frames.MAX_FRAME + 1),
    ],
    ids=lambda data: data[:12].hex(),
)
def test_a_frame_that_breaks_the_rules(data):
    with pytest.raises(ProtocolError):
        Connection().receive(data)


def test_a_deflate_bomb_takes_little_memory():
    data = _bomb(5 * frames.MAX_PAYLOAD)
    assert len(data) < frames.MAX_FRAME
    tracemalloc.start()
    try:
        with pytest.raises(ProtocolError, match="too large"):
            Connection().receive(data)
        assert tracemalloc.get_traced_memory()[1] < 3 * frames.MAX_PAYLOAD
    finally:
        tracemalloc.stop()


def test_the_body_of_a_message_that_is_too_large_is_dropped(monkeypatch):
    monkeypatch.setattr(rules, "MAX_MESSAGE", 50_000)
    one, other = Connection(), Connection()
    one.send(Message({"a": "b"}, bytes(60_000)))
    one.send(Message({"c": "d"}, bytes(40_000)))
    _, arrived = _talk(one, other)
    found = {m.number: (m.properties, len(m.body), m.is_cut) for m in arrived}
    assert found == {1: ({"a": "b"}, 0, True), 2: ({"c": "d"}, 40_000, False)}


def test_the_messages_that_are_incomplete_have_a_limit(monkeypatch):
    monkeypatch.setattr(rules, "MAX_OPEN", 3)
    encoder, side = Encoder(), Connection()
    for number in (1, 2, 3):
        side.receive(encoder.encode(Frame(number, frames.MORE, b"\x00")))
    with pytest.raises(ProtocolError, match="Too many"):
        side.receive(encoder.encode(Frame(4, frames.MORE, b"\x00")))
    monkeypatch.setattr(rules, "MAX_OPEN_BYTES", 1000)
    encoder, side = Encoder(), Connection()
    with pytest.raises(ProtocolError, match="too large"):
        side.receive(encoder.encode(Frame(1, frames.MORE, bytes(1001))))


def test_a_nul_in_a_property_is_left_out():
    assert messages.decode_properties(messages.encode_properties({"a": "b\0c"})) == {"a": "bc"}


framed = st.builds(
    lambda number, flags, payload: Frame(number, flags, payload),
    st.integers(0, 6), st.integers(0, 255), st.binary(max_size=300),
)  # fmt: skip


@given(st.lists(st.one_of(framed, st.binary(max_size=300)), max_size=12))
@settings(max_examples=EXAMPLES * 4)
def test_any_input_ends_in_a_message_or_an_error(given_frames):
    """Frames whose checksums are right, and bytes that are nothing at all."""
    side, encoder = Connection(), Encoder()
    for _ in range(3):
        side.send(Message(body=bytes(300_000)))
    for item in given_frames:
        data = encoder.encode(item) if isinstance(item, Frame) else item
        try:
            side.receive(data)
        except ProtocolError:
            break
        while side.next_frame() is not None:
            pass


@given(requests, st.data())
@settings(max_examples=FEW * 4)
def test_a_frame_with_a_bit_turned_over_is_refused(sent, data):
    one, other = Connection(), Connection()
    sent.compressed = False
    one.send(sent)
    frame = bytearray(one.next_frame())
    # The bits behind the header, which the checksum does not cover.
    place = data.draw(st.integers(2 * 8, len(frame) * 8 - 1))
    frame[place // 8] ^= 1 << place % 8
    with pytest.raises(ProtocolError):
        other.receive(bytes(frame))
