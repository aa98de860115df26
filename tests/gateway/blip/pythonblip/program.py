"""Pushes a document with pythonblip, and pulls all of them. Run with the packages of the folder."""

from __future__ import annotations

import json
import sys

from pythonblip.frame import message_number
from pythonblip.headers import BasicAuth
from pythonblip.output import LocalFile
from pythonblip.protocol import BLIPProtocol
from pythonblip.replicator import Replicator, ReplicatorConfiguration, ReplicatorType

host, port, database, user, password, folder = sys.argv[1:]
login = BasicAuth(user, password)


def push(uid: str, rev: str, body: dict[str, object]) -> None:
    """Its replicator only pulls; its messages can do what a push does.

    They are not compressed: what it compresses, it does not flush, so that nobody can read it.
    """
    blip = BLIPProtocol(f"ws://{host}:{port}/{database}/_blipsync", login.header())
    blip.send_message(0, {"Profile": "proposeChanges"}, body_json=[[uid, rev]])
    assert json.loads(blip.receive_message().body_as_string()) == []
    blip.send_message(0, {"Profile": "rev", "id": uid, "rev": rev}, body_json=body)
    blip.receive_message()  # raises an exception for an error
    blip.stop()


def pull() -> None:
    config = ReplicatorConfiguration.create(
        database, host, ReplicatorType.PULL, login, False, port, output=LocalFile(folder)
    )
    message_number.reset()  # which all connections of a process share
    replicator = Replicator(config)
    replicator.start()
    replicator.replicate()
    replicator.stop()


push("pushed", "1-abc", {"channels": ["a"], "n": 1})
pull()
