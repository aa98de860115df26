"""The query service of a DATABASES entry."""

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
    """A query service. Threads share it; a forked child has connections of its own."""

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
        """Ask for a statement, with values for its parameters ``$1``, ``$2``...; its rows.

        ``readonly`` False lets it write, and it is not tried again then. ``scan_consistency`` and
        ``timeout`` (seconds) are the options' unless given. ``prepared`` keeps the plan of a
        statement that is asked again.

        Raises the exceptions of :mod:`.errors`, the rows do, too.
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
    # Programs import models, which know this, long before they ask; both take their time.
    if options.by_sdk:
        from .sdk import Sdk

        return Sdk(options)
    from .rest import Rest

    return Rest(options)


_services: dict[Options, Service] = {}


def connect(entry: Mapping[str, Any]) -> Service:
    """The query service of a DATABASES entry: the same one, with its connections, for each thread.

    Raises ImproperlyConfigured for what cannot be one. Nothing is asked yet.
    """
    options = Options.of(entry)
    return _services.get(options) or _services.setdefault(options, Service(options))
