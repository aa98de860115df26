"""The page that works without a network, and the list of notes that have arrived."""

from urllib.parse import urlencode

from airports.models import CBAirport
from django.conf import settings
from django.contrib.auth.mixins import LoginRequiredMixin
from django.urls import reverse
from django.views.generic import TemplateView

from django_cbtools.contrib.gateway_users.access import name_of
from django_cbtools.models import load_related_objects
from django_cbtools.views import CBListView

from .models import CBNote

#: Scripts, styles and pictures of this site alone, and the photos that the page's script has read.
POLICY = "default-src 'self'; img-src 'self' blob:; object-src 'none'; base-uri 'none'; "
POLICY += "form-action 'self'; frame-ancestors 'none'"


class Notes(TemplateView):
    """The page: the same for everybody, since browsers keep it. Its script fills it."""

    template_name = "fieldnotes/notes.html"

    def get_context_data(self, **kwargs):
        return super().get_context_data(gateway=f"/sync/{settings.SYNC_GATEWAY_BUCKET}", **kwargs)

    def render_to_response(self, context, **kwargs):
        response = super().render_to_response(context, **kwargs)
        response["Content-Security-Policy"] = POLICY
        return response


class ArrivedNotes(LoginRequiredMixin, CBListView):
    """The notes of whoever is logged in that have arrived; those of everybody for the staff."""

    template_name = "fieldnotes/arrived.html"
    context_object_name = "notes"
    paginate_by = 20

    def get_queryset(self):
        notes = CBNote.objects.all()
        user = self.request.user
        return notes if user.is_staff else notes.filter(channels__contains=[name_of(user)])

    def get_context_data(self, **kwargs):
        context = super().get_context_data(**kwargs)
        notes = context["notes"] = list(context["notes"])
        # One request for the airports of the whole page.
        load_related_objects(notes, "airport", CBAirport)
        for note in notes:
            note.photos = [_url(note, name) for name in note.attachments]
        return context


def _url(note, name):
    return f"{reverse('cb_attachment')}?{urlencode({'uid': note.uid, 'name': name})}"


def may_view(request, document, name):
    """Return whether a user may see a photo: staff, and users whose own list has the note."""
    user = request.user
    channels = document.channels  # a phone may have written anything for them
    is_own = isinstance(document, CBNote) and isinstance(channels, list)
    return user.is_staff or (is_own and user.is_authenticated and name_of(user) in channels)
