"""Forms of documents."""

from django.urls import reverse
from django.utils.html import format_html

from django_cbtools.forms import DocumentForm

from .models import CBArticle, CBAuthor


class ArticleForm(DocumentForm):
    class Meta:
        model = CBArticle
        fields = ["title", "author", "year_published", "is_draft", "body"]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        # In a tab of its own, so that nothing is lost that has been typed here.
        self.fields["author"].help_text = format_html(
            '<a href="{}" target="_blank">Add an author<span class="hidden"> (in a new tab)</span>'
            "</a>",
            reverse("articles:author_create"),
        )


class AuthorForm(DocumentForm):
    class Meta:
        model = CBAuthor
        fields = ["name"]
