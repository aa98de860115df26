"""``manage.py dbshell``: Couchbase's own shell, cbq."""

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
        """The arguments of cbq. It asks for the password: what is on a command line others see."""
        args = [cls.executable_name, "-engine", str(settings_dict["HOST"])]
        if settings_dict["USER"]:
            args += ["-user", str(settings_dict["USER"])]
        return [*args, *parameters], None
