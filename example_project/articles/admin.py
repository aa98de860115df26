from django.contrib import admin

from django_cbtools.admin import CouchbaseModelAdmin
from django_cbtools.models import CHANNEL_PUBLIC

from .models import CBArticle, CBAuthor


class PublicAdmin(CouchbaseModelAdmin):
    """New documents are for all phones, unless the form says otherwise."""

    def get_changeform_initial_data(self, request):
        return {"channels": [CHANNEL_PUBLIC]} | super().get_changeform_initial_data(request)


@admin.register(CBAuthor)
class AuthorAdmin(PublicAdmin):
    list_display = ["name", "created", "updated"]
    ordering = ["name"]
    search_fields = ["name"]


@admin.register(CBArticle)
class ArticleAdmin(PublicAdmin):
    list_display = ["title", "author", "year_published", "is_draft", "updated"]
    list_filter = ["is_draft", "year_published"]
    list_select_related = ["author"]
    ordering = ["-created"]
    search_fields = ["title", "body", "author__name"]
    date_hierarchy = "created"
    autocomplete_fields = ["author"]
