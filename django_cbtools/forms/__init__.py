"""Forms of documents, for any site.

::

    from django_cbtools.forms import DocumentForm

    class ArticleForm(DocumentForm):
        class Meta:
            model = CBArticle
            fields = ["title", "author"]
"""

from django_cbtools.form_fields import (
    NestedForm,
    NestedListFormField,
    NestedObjectFormField,
    ObjectFormField,
)

from .documents import DocumentForm
from .factories import (
    documentform_factory,
    documentformset_factory,
    inlinedocumentformset_factory,
)
from .fields import ChannelsField

__all__ = [
    "ChannelsField",
    "DocumentForm",
    "NestedForm",
    "NestedListFormField",
    "NestedObjectFormField",
    "ObjectFormField",
    "documentform_factory",
    "documentformset_factory",
    "inlinedocumentformset_factory",
]
