from __future__ import annotations

from django.contrib import admin
from import_export.admin import ImportExportMixin
from reversion.admin import VersionAdmin

from django_cbtools.admin import CouchbaseModelAdmin, CouchbaseTabularInline

from .models import Comment, Recipe, Step, Ticket


class CommentInline(CouchbaseTabularInline):
    model = Comment
    fields = ["text", "channels"]
    extra = 1


@admin.register(Ticket)
class TicketAdmin(ImportExportMixin, CouchbaseModelAdmin):
    list_display = ["title", "status"]
    list_filter = ["status"]
    search_fields = ["title"]
    inlines = [CommentInline]


class StepInline(CouchbaseTabularInline):
    model = Step
    fields = ["text", "channels"]
    extra = 1


@admin.register(Recipe)
class RecipeAdmin(VersionAdmin, CouchbaseModelAdmin):
    inlines = [StepInline]
