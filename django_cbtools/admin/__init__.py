"""Documents in Django's admin.

::

    from django.contrib import admin
    from django_cbtools.admin import CouchbaseModelAdmin

    @admin.register(CBArticle)
    class ArticleAdmin(CouchbaseModelAdmin):
        list_display = ["title", "author"]
"""

from . import checks  # noqa: F401  (they register themselves)
from .filters import DeletedFilter
from .forms import DocumentForm
from .gateway import gateway_page
from .inlines import CouchbaseStackedInline, CouchbaseTabularInline
from .options import CouchbaseModelAdmin

__all__ = [
    "CouchbaseModelAdmin",
    "CouchbaseStackedInline",
    "CouchbaseTabularInline",
    "DeletedFilter",
    "DocumentForm",
    "gateway_page",
]
