"""E-mails that are queued: they arrive as they were sent, and are tried again."""

from __future__ import annotations

import json
import smtplib
from email.message import EmailMessage as Part
from email.mime.base import MIMEBase
from email.mime.image import MIMEImage

import django
import pytest
from django.core import mail
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.core.mail.backends import locmem
from django.utils.translation import gettext_lazy

from django_cbtools.contrib.tasks import finding, mail_contents
from django_cbtools.contrib.tasks.checks import check_email
from django_cbtools.contrib.tasks.models import QueuedTask

QUEUE = "django_cbtools.contrib.tasks.mail.EmailBackend"
LOCMEM = "django.core.mail.backends.locmem.EmailBackend"
HAS_MAILERS = django.VERSION >= (6, 1)
#: Pixels, as bytes that are no text.
PIXELS = bytes(range(256))


class Refusing(locmem.EmailBackend):
    """A server that refuses, with what is in ``errors``, one after another."""

    errors: list[object] = []

    def send_messages(self, messages):
        if self.errors:
            error = self.errors.pop(0)
            if isinstance(error, Exception):
                raise error
            return error
        return super().send_messages(messages)


@pytest.fixture(autouse=True)
def queued(settings, work):
    """A function that has e-mails be queued, and delivered by a back end."""

    def use(deliver_by=LOCMEM, **options):
        options = {"queue": "mail", **options}
        if HAS_MAILERS:
            settings.MAILERS = {
                "default": {"BACKEND": QUEUE, "OPTIONS": {"deliver_by": "real", **options}},
                "real": {"BACKEND": deliver_by},
            }
        else:
            settings.EMAIL_BACKEND = QUEUE
            settings.QUEUED_EMAIL = {"deliver_by": deliver_by, **options}

    use()
    return use


def made():
    """An e-mail with all that one can have."""
    message = EmailMultiAlternatives(
        gettext_lazy("Straße"), "Text: ä\n", "from@example.com", ["to@example.com"],
        bcc=["bcc@example.com"], cc=["cc@example.com"], reply_to=["reply@example.com"],
        headers={
            "X-Note": "é", "Message-ID": "<1@example.com>", "Date": "Sat, 1 Jan 2028 00:00:00 +0000"
        },
    )  # fmt: skip
    message.attach_alternative("<b>Text</b>", "text/html")
    message.attach("a.txt", "Anhang: ö", "text/plain")
    message.attach("pixels.bin", PIXELS, "application/octet-stream")
    message.attach(
        "inner.eml", EmailMessage("Inner", "within", to=["x@example.com"]), "message/rfc822"
    )
    message.attach(None, b"no name", "application/pdf")
    if HAS_MAILERS:
        part = Part()
        part.set_content(PIXELS, "image", "png", disposition="inline", cid="<logo>")
    else:
        part = MIMEImage(PIXELS, "png")
        part.add_header("Content-ID", "<logo>")
    message.attach(part)
    message.content_subtype = "markdown"
    message.tags = ["what an app has set"]
    return message


def parts(message):
    """What arrives: the headers, and each part's type, name, headers and bytes."""
    sent = message.message()
    found = [
        (part.get_content_type(), part.get_filename(), part["Content-ID"], _payload(part))
        for part in sent.walk()
    ]
    return sorted((k, str(v)) for k, v in sent.items() if "boundary" not in str(v)), found


def _payload(part):
    return None if part.is_multipart() else part.get_payload(decode=True)


def test_all_of_it_arrives(worker):
    message = made()
    assert message.send() == 1
    assert mail.outbox == []
    assert json.loads(QueuedTask.objects.get().call)["args"][0]["values"]["subject"] == "Straße"
    worker("default").run(once=True)
    assert mail.outbox == []
    worker("mail").run(once=True)
    (arrived,) = mail.outbox
    assert parts(arrived) == parts(message)
    assert arrived.recipients() == message.recipients()
    assert (arrived.bcc, arrived.from_email) == (["bcc@example.com"], "from@example.com")
    assert arrived.tags == ["what an app has set"]
    assert [content for content, _ in arrived.alternatives] == ["<b>Text</b>"]
    kinds = MIMEBase if not HAS_MAILERS else Part.__base__
    assert isinstance(arrived.attachments[-1], kinds)


def test_send_mail(worker):
    mail.send_mail("Subject", "Text", None, ["a@example.com"], html_message="<p>Text</p>")
    EmailMessage("Nobody", "Text").send()
    worker().run(once=True)
    (arrived,) = mail.outbox
    assert (arrived.subject, arrived.body) == ("Subject", "Text")
    # Who gets it twice can know it.
    assert arrived.message()["Message-ID"] == arrived.extra_headers["Message-ID"]


def test_what_cannot_be_queued():
    class Own(EmailMessage):
        def message(self, **kwargs):
            return super().message(**kwargs)

    with pytest.raises(TypeError, match="has a message\\(\\) of its own"):
        Own("a", "b", to=["c@example.com"]).send()
    odd = EmailMessage("a", "b", to=["c@example.com"])
    odd.template = object()
    with pytest.raises(TypeError, match="The e-mail's template is, or has in it, a object"):
        odd.send()
    assert QueuedTask.objects.count() == 0


def test_headers_of_others():
    """Whoever sends it is told, as by other back ends: a form may ask for a subject."""
    for options in ({"subject": "Hi\nBcc: x@example.com"}, {"to": ["a@example.com\nCc: b@c.de"]}):
        message = EmailMessage(**{"subject": "Hi", "to": ["a@example.com"], **options})
        with pytest.raises(ValueError, match=r"[Hh]eader|newline|CR|linefeed"):
            message.send()
    assert not QueuedTask.objects.exists()


def test_a_server_that_refuses(queued, worker, later):
    queued(f"{__name__}.Refusing")
    Refusing.errors = [
        smtplib.SMTPAuthenticationError(535, b"password"),
        smtplib.SMTPDataError(451, b"later"),
        0,
        smtplib.SMTPDataError(554, b"spam"),
        smtplib.SMTPRecipientsRefused({"a@example.com": (550, b"unknown")}),
    ]
    mail.send_mail("Subject", "Text", None, ["a@example.com"])
    for _ in range(3):
        worker().run(once=True)
        later(100)
    (failed,) = finding.failed("default")
    assert [error["exception_class_path"].rpartition(".")[2] for error in failed.errors] == [
        "SMTPAuthenticationError", "SMTPDataError", "RuntimeError"
    ]  # fmt: skip
    for said in ("refuses the e-mail", "refuses all recipients"):
        mail.send_mail("Subject", "Text", None, ["a@example.com"])
        worker().run(once=True)
        *_, failed = finding.failed("default")
        assert said in failed.errors[-1]["traceback"]
        assert len(failed.worker_ids) == 1
    mail.send_mail("Subject", "Text", None, ["a@example.com"])
    worker().run(once=True)
    assert len(mail.outbox) == 1


def test_it_is_json(queued):
    text = json.dumps(mail_contents.packed(made()))
    assert parts(mail_contents.unpacked(json.loads(text))) == parts(made())


@pytest.mark.parametrize(
    ("deliver_by", "options", "said"),
    [
        (QUEUE, {}, "which queues e-mails as well"),
        (LOCMEM, {"queue": 3}, "['queue'] cannot be 3: a text"),
        (LOCMEM, {"que": "mail"}, "unknown options"),
        ("no.Backend", {}, "cannot be imported: No module named 'no'"),
    ],
)
def test_wrong_settings(queued, deliver_by, options, said):
    assert check_email() == []
    queued(deliver_by, **options)
    if HAS_MAILERS and "que" in options:  # it is an option of nobody's
        said = "Unknown options 'que'"
    with pytest.raises(ImproperlyConfigured, match=said.replace("[", r"\[").replace("]", r"\]")):
        mail.send_mail("Subject", "Text", None, ["a@example.com"])
    found = check_email()
    assert {each.id for each in found} == {"cbtools.E033"}
    assert said in found[0].msg
