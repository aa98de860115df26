"""An AdminSite whose inlines are of documents that refer to two others."""

from __future__ import annotations

from django.contrib import admin
from django.db import models
from django.urls import path

from django_cbtools.admin import CouchbaseModelAdmin, CouchbaseStackedInline, CouchbaseTabularInline
from django_cbtools.models import CouchbaseModel, ForeignKey


class CBShelf(CouchbaseModel):
    class Meta:
        abstract = True
        app_label = "testapp"

    name = models.CharField(max_length=10)


class CBPrinter(CouchbaseModel):
    class Meta:
        abstract = True
        app_label = "testapp"

    name = models.CharField(max_length=10)


class CBBook(CouchbaseModel):
    class Meta:
        abstract = True
        app_label = "testapp"

    title = models.CharField(max_length=10)
    shelf = ForeignKey(CBShelf, models.CASCADE)
    printer = ForeignKey(CBPrinter, models.CASCADE, null=True, blank=True)


class Tabular(CouchbaseTabularInline):
    model = CBBook
    fields = ["title", "channels"]
    extra = 1


class Stacked(CouchbaseStackedInline):
    model = CBBook
    fields = ["title", "channels"]
    extra = 1


class Plain(admin.TabularInline):
    model = CBBook
    fields = ["title"]
    extra = 1


def _site(inline: type) -> admin.AdminSite:
    site = admin.AdminSite(name=inline.__name__.lower())
    options = {"inlines": [inline]}
    site.register(CBShelf, type("ShelfAdmin", (CouchbaseModelAdmin,), options))
    return site


SITES = {inline.__name__.lower(): _site(inline) for inline in (Tabular, Stacked, Plain)}

urlpatterns = [path(f"{name}/", site.urls) for name, site in SITES.items()]
