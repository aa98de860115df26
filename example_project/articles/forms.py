"""Forms of documents."""

from django_cbtools.forms import DocumentForm

from .models import CBArticle, CBAuthor


class ArticleForm(DocumentForm):
    class Meta:
        model = CBArticle
        fields = ["title", "author", "year_published", "is_draft", "body"]


class AuthorForm(DocumentForm):
    class Meta:
        model = CBAuthor
        fields = ["name"]
