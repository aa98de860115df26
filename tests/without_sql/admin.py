from django.contrib import admin

from django_cbtools.admin import CouchbaseModelAdmin
from tests.without_sql.models import Note


@admin.register(Note)
class NoteAdmin(CouchbaseModelAdmin):
    list_display = ["title", "updated"]
    search_fields = ["title"]
