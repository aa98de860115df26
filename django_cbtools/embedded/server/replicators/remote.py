"""The other gateway of a replication: its address and the credentials, and how it is reached."""

from __future__ import annotations

import base64
import ssl
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

#: What a WebSocket address begins with, for each scheme that an address may have.
_SCHEMES = {"ws": "ws", "wss": "wss", "http": "ws", "https": "wss"}


@dataclass(frozen=True)
class Remote:
    """A database of another gateway.

    ``address`` has neither user nor password. Without ``user``, the login is that of a guest.
    ``authority`` is a file with certificates of authorities, to trust in place of the system's.
    With ``is_trusted``, the certificate is not checked.
    """

    address: str
    user: str = ""
    password: str = field(default="", repr=False)
    authority: str | None = None
    is_trusted: bool = False

    @classmethod
    def parse(
        cls, url: str, user: str = "", password: str = "", authority: str | None = None
    ) -> Remote:
        """Return the database of an address, which may have the user and the password.

        Raises ValueError if it is none. The message has no password.
        """
        try:
            parts = urlsplit(url.strip())
            port = parts.port
        except ValueError:
            raise ValueError("The address of the other gateway is malformed") from None
        if parts.scheme not in _SCHEMES or not parts.hostname:
            raise ValueError(
                "The address of the other gateway must begin with ws://, wss://, http:// or "
                "https://, and name a host"
            )
        path = parts.path.rstrip("/").removesuffix("/_blipsync")
        if not path:
            raise ValueError(
                "The address of the other gateway must end with the name of a database: "
                "ws://host:4984/db"
            )
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        where = host if port is None else f"{host}:{port}"
        address = SplitResult(_SCHEMES[parts.scheme], where, path, "", "").geturl()
        if parts.username:
            user, password = unquote(parts.username), unquote(parts.password or "")
        return cls(address, user, password, authority)

    @property
    def name(self) -> str:
        """The address with the user's name."""
        scheme, _, rest = self.address.partition("://")
        return f"{scheme}://{self.user}@{rest}" if self.user else self.address

    @property
    def socket(self) -> str:
        """The address of the WebSocket."""
        return f"{self.address}/_blipsync?client=sgr2"

    def headers(self) -> dict[str, str]:
        if not self.user:
            return {}
        login = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        return {"Authorization": f"Basic {login}"}

    def tls(self) -> Any:
        """Return the context for TLS, None for a connection without it.

        Raises OSError if the file with certificates cannot be read.
        """
        if not self.address.startswith("wss:"):
            return None
        context = ssl.create_default_context(cafile=self.authority)
        if self.is_trusted:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context
