"""The frames that real gateways sent, byte by byte."""

from __future__ import annotations

import json

import pytest

from django_cbtools.embedded.blip import frames
from django_cbtools.embedded.blip.connection import Connection
from django_cbtools.embedded.blip.frames import Decoder, Encoder, ProtocolError
from django_cbtools.embedded.blip.messages import Message

from . import recordings

KINDS = {"REQ": frames.REQUEST, "RES": frames.REPLY, "ERR": frames.ERROR}
ways = pytest.mark.parametrize("way", [recordings.CLIENT, recordings.SERVER])
files = pytest.mark.parametrize("name", recordings.FILES)


def _sent(connection, way):
    return [data for sent, data in connection["frames"] if sent == way]


@files
@ways
def test_each_frame_is_read_and_written_as_it_was_sent(name, way):
    for connection in recordings.connections(name):
        decoder, encoder, again = Decoder(), Encoder(), Decoder()
        for data in _sent(connection, way):
            frame = decoder.decode(data)
            written = encoder.encode(frame)
            if not frame.flags & frames.COMPRESSED:
                assert written == data
            # The bytes of compressed data are the compressor's. They say the same.
            assert again.decode(written)[:3] == frame[:3]
            if frame.kind not in frames.ACKS and not frame.flags & frames.MORE:
                _check_message(frame)


def _check_message(frame):
    """A message that is read and written again has the same bytes."""
    try:
        message = Message.decode(frame.payload, frame.number, frame.flags)
    except ProtocolError:
        return  # the last frame of several
    assert message.encode() == frame.payload


@files
@ways
def test_the_messages_are_those_that_were_sent(name, way):
    for connection in recordings.connections(name):
        side = Connection()
        # The requests that the other side sent, and that these frames answer.
        other = [m for m in connection["messages"] if m["dir"] != way and m["type"] == "REQ"]
        side._sent = len(other)
        side._awaited = {message["number"] for message in other}
        found = [message for data in _sent(connection, way) if (message := side.receive(data))]
        expected = [m for m in connection["messages"] if m["dir"] == way and m["type"] in KINDS]
        assert len(found) == len(expected)
        by_key = {(m.kind, m.number): m for m in found}
        for recorded in expected:
            message = by_key[KINDS[recorded["type"]], recorded["number"]]
            assert message.properties == recorded["properties"]
            assert message.no_reply == recorded["noreply"]
            assert message.compressed == recorded["compressed"]
            body = recordings.body(recorded)
            if body is None:
                assert json.loads(message.body) == recorded["body"]["json"]
            else:
                assert message.body == body
