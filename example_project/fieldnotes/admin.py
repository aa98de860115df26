from django.contrib import admin

from django_cbtools.admin import CouchbaseModelAdmin

from .models import CBNote


@admin.register(CBNote)
class NoteAdmin(CouchbaseModelAdmin):
    list_display = ["__str__", "airport", "written", "channels"]
    list_select_related = ["airport"]
    search_fields = ["text", "=airport__icao"]
    list_per_page = 50
    autocomplete_fields = ["airport"]
