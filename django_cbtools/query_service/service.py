"""The query service of an entry in DATABASES."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from . import codes
from .asked import Asked
from .errors import NotSupportedError, about
from .options import Options
from .rows import Rows

if TYPE_CHECKING:
    from .rest import Rest
    from .sdk import Sdk


class Service:
    """A query service. All threads share it. A forked child has its own connections."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self._way = (os.getpid(), _way(options))

    def query(
        self,
        statement: str,
        args: Sequence[Any] = (),
        *,
        readonly: bool = True,
        scan_consistency: str | None = None,
        timeout: float | None = None,
        prepared: bool = True,
    ) -> Rows:
        """Run a statement, and return its rows. ``args`` are the values of its parameters ``$1``,
        ``$2``...

        ``readonly`` must be False for a statement that writes; it is then not repeated.
        ``scan_consistency`` and ``timeout`` (seconds) are by default those of the options.
        ``prepared`` keeps the plan of a statement that is used again.

        Raises the exceptions of :mod:`.errors`. The rows raise them, too.
        """
        options = self.options
        if options.read_only and not readonly:
            raise NotSupportedError(
                about("The statement writes, and OPTIONS['read_only'] is True.", statement),
                code=codes.READ_ONLY,
                statement=statement,
            )
        return self._current().query(
            Asked(
                statement,
                args,
                readonly,
                scan_consistency or options.scan_consistency,
                options.timeout if timeout is None else timeout,
                prepared and readonly,
                str(uuid.uuid4()),
            )
        )

    def _current(self) -> Rest | Sdk:
        if self._way[0] != os.getpid():
            self._way = (os.getpid(), _way(self.options))
        return self._way[1]


def _way(options: Options) -> Rest | Sdk:
    # Imported late: programs import models, which import this module, long before they send
    # queries.
    if options.by_sdk:
        from .sdk import Sdk

        return Sdk(options)
    from .rest import Rest

    return Rest(options)


_services: dict[Options, Service] = {}


def connect(entry: Mapping[str, Any]) -> Service:
    """Return the query service of an entry in DATABASES. All threads get the same one, with its
    connections.

    Raises ImproperlyConfigured if the entry is not valid. No request is sent yet.
    """
    options = Options.of(entry)
    return _services.get(options) or _services.setdefault(options, Service(options))
