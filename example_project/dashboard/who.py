"""Records who has written a document, in the document, since the gateway does not keep it.

If a phone changes the document, the note stays, but belongs to a former revision. So the note
contains the generation of its revision. It is signed, since a phone may write anything.
"""

import json
from contextvars import ContextVar

from django.core.signing import BadSignature, Signer

from django_cbtools.canonical import generation

KEY = "changed_by"
_signer = Signer(salt="dashboard.who")
_request = ContextVar("request", default=None)


def middleware(get_response):
    """Know whose request it is while documents are saved."""

    def call(request):
        token = _request.set(request)
        try:
            return get_response(request)
        finally:
            _request.reset(token)

    return call


def note(instance, **kwargs):
    """Note who saves a document, for cb_pre_save."""
    request = _request.get()
    user = getattr(request, "user", None)
    if user is not None and user.is_authenticated:
        number = generation(instance.rev) + 1 if instance.rev else 1
        text = json.dumps([instance.get_uid(), number, user.get_username()])
        instance.extra[KEY] = _signer.sign(text)


def noted(instance):
    """The name of who has saved this revision; '' where nobody has noted it."""
    try:
        uid, number, user = json.loads(_signer.unsign(str(instance.extra.get(KEY))))
    except (BadSignature, UnicodeError):
        return ""
    return user if (uid, number) == (instance.uid, generation(instance.rev)) else ""
