"""An e-mail back end that queues e-mails as tasks. Workers send them by another back end.

Set ``EMAIL_BACKEND = "django_cbtools.contrib.tasks.mail.EmailBackend"``, or from Django 6.1 on, the
BACKEND of one of MAILERS.
"""

from __future__ import annotations

import smtplib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import django
from django.conf import settings
from django.core import mail
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.utils.module_loading import import_string

from django_cbtools import conf
from django_cbtools.exceptions import CouchbaseModelError, SyncGatewayException
from django_cbtools.sync_gateway.options import check

from .api import DEFAULT_TASK_BACKEND_ALIAS, DEFAULT_TASK_QUEUE_NAME, task
from .exceptions import GiveUp
from .mail_contents import packed, unpacked

SETTING = "QUEUED_EMAIL"
_SMTP = "django.core.mail.backends.smtp.EmailBackend"


@dataclass(frozen=True)
class Options:
    """The options of queued e-mails. ``tasks`` and ``queue`` name the queue, ``deliver_by`` the
    mailer that delivers them: one of MAILERS, or the dotted path of a back end if there are no
    MAILERS."""

    deliver_by: str = ""
    tasks: str = DEFAULT_TASK_BACKEND_ALIAS
    queue: str = DEFAULT_TASK_QUEUE_NAME

    @classmethod
    def of(cls, where: str, values: Any) -> Options:
        """Return the options of a setting. Raise ImproperlyConfigured if it is not valid."""
        if not isinstance(values, Mapping):
            raise ImproperlyConfigured(f"{where} is a dictionary, not {type(values).__name__}.")
        names = [field.name for field in fields(cls)]
        check(where, values, names, dict.fromkeys(names, _is_text), dict.fromkeys(names, "a text"))
        found = cls(**values)
        if not found.deliver_by:
            if _mailers() is not None:
                raise ImproperlyConfigured(
                    f"{where}['deliver_by'] has to name one of MAILERS, which delivers the e-mails "
                    "that are queued."
                )
            found = cls(**{**values, "deliver_by": _SMTP})
        kind = _class_of(where, found.deliver_by)
        if isinstance(kind, type) and issubclass(kind, EmailBackend):
            raise ImproperlyConfigured(
                f"{where}['deliver_by'] is {found.deliver_by!r}, which queues e-mails as well: "
                "they would never be delivered."
            )
        return found


def _declared(name: str, default: str) -> str:
    """Return an option of the setting, or the default if it is wrong. The error is reported
    elsewhere."""
    found = conf.get(SETTING)
    value = found.get(name) if isinstance(found, Mapping) else None
    return value if isinstance(value, str) else default


class EmailBackend(BaseEmailBackend):
    """An e-mail back end that queues each e-mail as a task, with all its parts, as JSON.

    Raises TypeError for an e-mail that cannot be stored as JSON, and what the task back end raises,
    such as SyncGatewayException. With ``fail_silently``, errors of the task back end are not
    raised, and the remaining e-mails are not queued.
    """

    def __init__(self, fail_silently: bool = False, **kwargs: Any) -> None:
        names = [field.name for field in fields(Options)]
        own = {name: kwargs.pop(name) for name in names if name in kwargs}
        super().__init__(**kwargs)
        self._is_silent = fail_silently
        alias = kwargs.get("alias")
        where = f"MAILERS[{alias!r}]['OPTIONS']" if alias and own else SETTING
        self._options = Options.of(where, own or conf.get(SETTING))

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Queue the e-mails, and return their number. E-mails without recipients are left out."""
        wishes = self._options
        call = deliver.using(backend=wishes.tasks, queue_name=wishes.queue)
        count = 0
        for message in email_messages or ():
            if not message.recipients():
                continue
            found = packed(message)
            try:
                call.enqueue(found, wishes.deliver_by)
            except (SyncGatewayException, CouchbaseModelError):
                if not self._is_silent:
                    raise
                break
            count += 1
        return count


@task(
    backend=_declared("tasks", DEFAULT_TASK_BACKEND_ALIAS),
    queue_name=_declared("queue", DEFAULT_TASK_QUEUE_NAME),
)
def deliver(message: Mapping[str, Any], deliver_by: str) -> None:
    """Send a queued e-mail. It is tried again if that fails, unless the server has refused it for
    good."""
    connection = _connection(deliver_by)
    try:
        count = connection.send_messages([unpacked(message)])
    except smtplib.SMTPRecipientsRefused as error:
        if all(_is_final(code) for code, _ in error.recipients.values()):
            raise GiveUp(f"The server refuses all recipients: {error}") from error
        raise
    except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
        if _is_final(error.smtp_code):
            raise GiveUp(f"The server refuses the e-mail: {error}") from error
        raise
    if count == 0:
        raise RuntimeError(f"{deliver_by} has not sent the e-mail, and does not say why.")


def _connection(deliver_by: str) -> Any:
    if _mailers() is not None:
        return mail.mailers[deliver_by]
    # Since Django 6.1, the alias must be None if there are no MAILERS.
    without = {"alias": None} if django.VERSION >= (6, 1) else {}
    return import_string(deliver_by)(**without)


def _mailers() -> Mapping[str, Any] | None:
    """Return the setting MAILERS of Django 6.1, or None if it is not used."""
    found: Mapping[str, Any] | None = getattr(settings, "MAILERS", None)
    return found if hasattr(mail, "mailers") else None


def _class_of(where: str, deliver_by: str) -> Any:
    """Return the class of the back end that delivers e-mails. Raise ImproperlyConfigured if it does
    not exist."""
    path = deliver_by
    mailers = _mailers()
    if mailers is not None:
        if deliver_by not in mailers:
            known = ", ".join(sorted(mailers))
            raise ImproperlyConfigured(
                f"{where}['deliver_by'] is {deliver_by!r}, which is none of MAILERS: {known}."
            )
        path = mailers[deliver_by].get("BACKEND", _SMTP)
    try:
        return import_string(path)
    except ImportError as error:
        raise ImproperlyConfigured(f"{where}['deliver_by'] cannot be imported: {error}") from error


def _is_final(code: int) -> bool:
    return 500 <= code < 600


def _is_text(value: Any) -> bool:
    return isinstance(value, str)
