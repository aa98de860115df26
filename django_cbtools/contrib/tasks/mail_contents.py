"""The conversion of e-mails to JSON and back."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from copy import copy
from email import message_from_bytes
from email.message import Message, MIMEPart
from email.mime.base import MIMEBase
from email.policy import compat32, default
from typing import Any

from django.core import mail
from django.core.mail import EmailAlternative, EmailAttachment, EmailMessage, EmailMultiAlternatives
from django.utils.functional import Promise

#: Attributes that are stored in another way, or not at all.
_APART = ("attachments", "alternatives", "connection", "_connection")
_ID = "Message-ID"


def packed(message: EmailMessage) -> dict[str, Any]:
    """Return an e-mail as JSON, with all its attributes, including those that apps have set.

    Raises TypeError if JSON cannot represent one, or if the e-mail's class overrides ``message()``.
    Also raises the errors of ``message()``, such as BadHeaderError, so that the sender sees them.
    """
    is_multi = isinstance(message, EmailMultiAlternatives)
    kind = EmailMultiAlternatives if is_multi else EmailMessage
    if type(message).message is not kind.message:
        raise TypeError(
            f"{type(message).__qualname__} has a message() of its own, and cannot be queued: what "
            "it would be is not known later. Send it by another mailer, or make it an EmailMessage."
        )
    probe = copy(message)
    probe.attachments = []  # they take their time
    probe.message()
    names = [name for name in vars(message) if name not in _APART]
    values = {name: _plain(name, getattr(message, name)) for name in names}
    # With a fixed id, recipients recognize a message that is sent twice.
    headers = values["extra_headers"]
    if not any(name.lower() == _ID.lower() for name in headers):
        values["extra_headers"] = {**headers, _ID: mail.make_msgid(domain=mail.DNS_NAME.get_fqdn())}
    return {
        "kind": kind.__name__,
        "values": values,
        "attachments": [_attachment(each) for each in message.attachments],
        "alternatives": [
            [_content(content), str(mimetype)]
            for content, mimetype in getattr(message, "alternatives", ())
        ],
    }


def unpacked(found: Mapping[str, Any]) -> EmailMessage:
    """Return the e-mail that :func:`packed` has converted."""
    message: Any = getattr(mail, found["kind"])()
    for name, value in found["values"].items():
        setattr(message, name, value)
    message.attachments = [_unpacked_attachment(each) for each in found["attachments"]]
    if found["alternatives"]:
        message.alternatives = [
            EmailAlternative(_unpacked_content(content), mimetype)
            for content, mimetype in found["alternatives"]
        ]
    sent: EmailMessage = message
    return sent


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, Promise):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(name, each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(name, each) for each in value]
    if value is None or isinstance(value, (str, int, float)):
        return value
    raise TypeError(
        f"The e-mail's {name} is, or has in it, a {type(value).__qualname__}, which JSON does not "
        "hold: the e-mail cannot be queued."
    )


def _attachment(attachment: Any) -> Any:
    """Return an attachment as JSON: a MIME part, or a file with its name, content and type."""
    if isinstance(attachment, (MIMEBase, MIMEPart)):
        name = "mime_base" if isinstance(attachment, MIMEBase) else "mime_part"
        return {name: _base64(attachment.as_bytes())}
    filename, content, mimetype = attachment
    return [filename and str(filename), _content(content), mimetype]


def _unpacked_attachment(found: Any) -> Any:
    if isinstance(found, Mapping):
        ((name, text),) = found.items()
        is_base = name == "mime_base"
        return message_from_bytes(
            base64.b64decode(text),
            _class=_Part if is_base else MIMEPart,
            policy=compat32 if is_base else default,
        )
    filename, content, mimetype = found
    return EmailAttachment(filename, _unpacked_content(content), mimetype)


def _content(content: Any) -> Any:
    if isinstance(content, (bytes, bytearray, memoryview)):
        return {"bytes": _base64(bytes(content))}
    if isinstance(content, EmailMessage):
        content = content.message()
    if isinstance(content, Message):
        return {"message": _base64(content.as_bytes())}
    return str(content)


def _unpacked_content(found: Any) -> Any:
    if isinstance(found, str):
        return found
    ((kind, text),) = found.items()
    content = base64.b64decode(text)
    return content if kind == "bytes" else message_from_bytes(content)


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


class _Part(MIMEBase):
    """A MIME part that a parser creates, and to which it adds the headers."""

    def __init__(self, policy: Any = compat32) -> None:
        Message.__init__(self, policy=policy)
