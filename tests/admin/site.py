"""The admin: an AdminSite of its own, with documents and ordinary models that refer to them."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.admin import UserAdmin
from django.db import models
from django.urls import path

from django_cbtools.admin import CouchbaseModelAdmin, CouchbaseStackedInline, gateway_page
from django_cbtools.models import CouchbaseModel, ForeignKey
from tests.testapp.models import Bookmark, CBArticle, CBAuthor, CBParcel, CBReview


class CBThread(CouchbaseModel):
    """A document that goes with another."""

    class Meta:
        abstract = True
        app_label = "testapp"

    doc_type = "admin_thread"
    uid_prefix = "thr"
    parent = ForeignKey("self", models.CASCADE, null=True, blank=True, related_name="answers")

    def __str__(self) -> str:
        return f"<{self.uid}>"


site = admin.AdminSite(name="admin")
site.register(get_user_model(), UserAdmin)


class BookmarkInline(admin.TabularInline):
    model = Bookmark
    extra = 1


class ArticleInline(CouchbaseStackedInline):
    model = CBArticle
    fields = ["title", "channels"]
    extra = 1


@admin.register(CBAuthor, site=site)
class AuthorAdmin(CouchbaseModelAdmin):
    search_fields = ["name"]
    ordering = ["name"]
    inlines = [ArticleInline]


@admin.register(CBArticle, site=site)
class ArticleAdmin(CouchbaseModelAdmin):
    list_display = ["title", "year_published", "is_draft", "author", "published"]
    list_editable = ["year_published"]
    list_filter = ["is_draft", "published", "author"]
    search_fields = ["title", "author__name"]
    date_hierarchy = "published"
    ordering = ["title"]
    inlines = [BookmarkInline]


@admin.register(CBReview, site=site)
class ReviewAdmin(CouchbaseModelAdmin):
    autocomplete_fields = ["author"]
    readonly_fields = ["year_published"]
    fieldsets = [(None, {"fields": ["title", "year_published", "author"]})]


@admin.register(CBThread, site=site)
class ThreadAdmin(CouchbaseModelAdmin):
    pass


@admin.register(CBParcel, site=site)
class ParcelAdmin(CouchbaseModelAdmin):
    pass


@admin.register(Bookmark, site=site)
class BookmarkAdmin(admin.ModelAdmin):
    raw_id_fields = ["article"]


urlpatterns = [
    path("admin/gateway/", gateway_page(site), name="gateway"),
    path("admin/", site.urls),
]
