"""The command ``create_sg_database``, which creates or updates the gateway's database."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

from django.core.management.base import CommandError, CommandParser

from django_cbtools import conf
from django_cbtools.exceptions import SyncGatewayException
from django_cbtools.function_files import KINDS, FunctionFileError, files, read
from django_cbtools.function_trial import try_out
from django_cbtools.management.base import DocumentsCommand
from django_cbtools.sync_gateway import SyncGateway

#: The status of a gateway that already has the database.
PRECONDITION_FAILED = 412


class Command(DocumentsCommand):
    help = (
        "Creates the database SYNC_GATEWAY_BUCKET in the gateway, with the configuration in "
        "SYNC_GATEWAY_DATABASE and the functions beside manage.py (sync_function.js, "
        "import_filter.js, sync_functions/<scope>.<collection>.js). An existing one is changed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="show the configuration")

    def handle(self, *args: Any, **options: Any) -> None:
        name = conf.get("SYNC_GATEWAY_BUCKET")
        try:
            config = configuration(lambda text: self.stderr.write(self.style.WARNING(text)))
            if options.get("dry_run"):
                self.stdout.write(json.dumps(config, indent=2))
                return
            self.tell(f"Database {name!r}: {_brought_up_to_date(config)}.", options)
        except FunctionFileError as error:
            raise CommandError(str(error)) from error
        except SyncGatewayException as error:
            raise CommandError(
                f"Database {name!r} is as it was: {error.reason or error}"
            ) from error


def configuration(warn: Callable[[str], object]) -> dict[str, Any]:
    """Return the configuration in the settings, with the functions of the project.

    ``warn`` is called with warnings about a sync function. Raises FunctionFileError if a function
    file is wrong, or belongs to a collection that the settings do not name.
    """
    config: dict[str, Any] = copy.deepcopy(dict(conf.get("SYNC_GATEWAY_DATABASE")))
    config.setdefault("bucket", conf.get("COUCHBASE_BUCKET") or conf.get("SYNC_GATEWAY_BUCKET"))
    for kind in KINDS:
        for keyspace, path in files(kind).items():
            _collection(config, keyspace, path)[kind] = source = read(path)
            if kind == "sync":
                for warning in try_out(path, source):
                    warn(warning)
    return config


def _collection(config: dict[str, Any], keyspace: str | None, path: Any) -> dict[str, Any]:
    """Return the part of a configuration that a function belongs to."""
    if keyspace is None and "scopes" not in config:
        return config
    scope, _, name = (keyspace or "_default._default").partition(".")
    try:
        found: dict[str, Any] = config["scopes"][scope]["collections"][name]
    except (KeyError, TypeError):
        raise FunctionFileError(
            f"{path}: there is no collection {scope}.{name} in "
            f"SYNC_GATEWAY_DATABASE['scopes'][{scope!r}]['collections']."
        ) from None
    return found


def _brought_up_to_date(config: dict[str, Any]) -> str:
    try:
        SyncGateway.create_database(config)
        return "made"
    except SyncGatewayException as error:
        if error.status != PRECONDITION_FAILED:
            raise
    before = SyncGateway.get_config()
    changed = sorted(key for key, value in config.items() if before.get(key) != value)
    if not changed:
        return "up to date"
    SyncGateway.update_config({key: config[key] for key in changed})
    return f"changed ({', '.join(changed)})"
