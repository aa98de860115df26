"""A data node that knows a login, and says where the cluster's query service is."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import socket
import ssl
import struct
from collections.abc import Iterator
from typing import Any

from tests.sync_gateway.scripted import SECRET, USER, Server

BUCKET = "cbtools"
#: The header of the memcached binary protocol: magic, opcode, length of the key, length of the
#: extras, type of the data, status, length of the body, opaque, CAS.
_HEADER = struct.Struct(">BBHBBHIIQ")
_HELLO, _LIST, _AUTHENTICATE, _STEP = 0x1F, 0x20, 0x21, 0x22
_SELECT_BUCKET, _CONFIGURATION, _NOOP = 0x89, 0xB5, 0x0A
_SUCCESS, _NO_KEY, _WRONG_LOGIN, _CONTINUE, _UNKNOWN = 0x00, 0x01, 0x20, 0x21, 0x81
#: Of what a client can do: selecting a bucket, JSON.
_FEATURES = {0x08, 0x0B}
_ROUNDS = 10


class Node(Server):
    """``host`` is what a connection string names; its query service listens on a port."""

    def __init__(self, query_port: int, context: ssl.SSLContext | None = None) -> None:
        self._query_port = query_port
        self._tls = context is not None
        super().__init__(self._talk, context)
        self.host = f"127.0.0.1:{self.port}"
        self.address = f"couchbase{'s' if self._tls else ''}://{self.host}"

    def _talk(self, connection: socket.socket) -> None:
        session = _Session(self)
        with connection.makefile("rwb") as stream:
            while header := stream.read(_HEADER.size):
                _, opcode, key, extras, _, _, length, opaque, _ = _HEADER.unpack(header)
                body = stream.read(length)
                status, answer = session.answer(
                    opcode, body[extras : extras + key], body[extras + key :]
                )
                head = _HEADER.pack(0x81, opcode, 0, 0, 0, status, len(answer), opaque, 0)
                stream.write(head + answer)
                stream.flush()

    def configuration(self, bucket: bool) -> bytes:
        tls = "SSL" if self._tls else ""
        services = {f"kv{tls}": self.port, f"n1ql{tls}": self._query_port}
        found: dict[str, Any] = {
            "rev": 1,
            "revEpoch": 1,
            "nodesExt": [{"services": services, "thisNode": True, "hostname": "127.0.0.1"}],
            "clusterCapabilitiesVer": [1, 0],
            "clusterCapabilities": {"n1ql": ["enhancedPreparedStatements", "readFromReplica"]},
        }
        if bucket:
            found |= {
                "name": BUCKET,
                "uuid": "0" * 32,
                "nodeLocator": "vbucket",
                "bucketCapabilities": ["couchapi", "collections", "nodesExt"],
                "nodes": [{"hostname": "127.0.0.1:1", "ports": {"direct": self.port}}],
                "vBucketServerMap": {
                    "hashAlgorithm": "CRC",
                    "numReplicas": 0,
                    "serverList": [self.host],
                    "vBucketMap": [[0]] * 64,
                },
            }
        return json.dumps(found).encode()


class _Session:
    """What a connection has come to."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._bucket = False
        self._login: Iterator[tuple[int, bytes]] | None = None
        self._said = b""

    def answer(self, opcode: int, key: bytes, value: bytes) -> tuple[int, bytes]:
        self._said = value
        if opcode == _HELLO:
            asked = struct.unpack(f">{len(value) // 2}H", value)
            agreed = [feature for feature in asked if feature in _FEATURES]
            return _SUCCESS, struct.pack(f">{len(agreed)}H", *agreed)
        if opcode == _LIST:
            return _SUCCESS, b"SCRAM-SHA512 PLAIN"
        if opcode == _AUTHENTICATE and key == b"PLAIN":
            known = value.split(b"\0")[1:] == [USER.encode(), SECRET.encode()]
            return (_SUCCESS if known else _WRONG_LOGIN), b""
        if opcode == _AUTHENTICATE:
            self._login = self._scram()
        if opcode in (_AUTHENTICATE, _STEP) and self._login is not None:
            return next(self._login)
        if opcode == _SELECT_BUCKET:
            self._bucket = key == BUCKET.encode()
            return (_SUCCESS if self._bucket else _NO_KEY), b""
        if opcode == _CONFIGURATION:
            return _SUCCESS, self._node.configuration(self._bucket)
        return (_SUCCESS if opcode == _NOOP else _UNKNOWN), b""

    def _scram(self) -> Iterator[tuple[int, bytes]]:
        """RFC 5802, by SHA-512; the password's one way to get here."""
        first = self._said.partition(b",,")[2]
        nonce = dict(part.split(b"=", 1) for part in first.split(b","))[b"r"]
        salt = os.urandom(16)
        nonce += base64.b64encode(os.urandom(12))
        challenge = b"r=%s,s=%s,i=%d" % (nonce, base64.b64encode(salt), _ROUNDS)
        yield _CONTINUE, challenge
        bare, _, proof = self._said.rpartition(b",p=")
        salted = hashlib.pbkdf2_hmac("sha512", SECRET.encode(), salt, _ROUNDS)
        client_key = _hmac(salted, b"Client Key")
        message = b",".join([first, challenge, bare])
        signature = _hmac(hashlib.sha512(client_key).digest(), message)
        expected = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
        if first.split(b",")[0] != b"n=" + USER.encode() or base64.b64decode(proof) != expected:
            yield _WRONG_LOGIN, b""
        proven = _hmac(_hmac(salted, b"Server Key"), message)
        yield _SUCCESS, b"v=" + base64.b64encode(proven)


def _hmac(key: bytes, text: bytes) -> bytes:
    return hmac.digest(key, text, "sha512")
