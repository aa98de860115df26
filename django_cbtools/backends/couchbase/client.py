"""The shell of ``manage.py dbshell``, which is Couchbase's cbq."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.backends.base.client import BaseDatabaseClient


class DatabaseClient(BaseDatabaseClient):
    executable_name = "cbq"

    @classmethod
    def settings_to_cmd_args_env(
        cls, settings_dict: Any, parameters: Iterable[str]
    ) -> tuple[list[str], dict[str, str] | None]:
        """Return the arguments of cbq, without the password: others can see a command line. cbq
        asks for it."""
        args = [cls.executable_name, "-engine", str(settings_dict["HOST"])]
        if settings_dict["USER"]:
            args += ["-user", str(settings_dict["USER"])]
        return [*args, *parameters], None
