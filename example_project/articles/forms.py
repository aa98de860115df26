"""Forms of documents: ordinary ModelForms."""

from django import forms

from .models import CBArticle, CBAuthor


class ArticleForm(forms.ModelForm):
    class Meta:
        model = CBArticle
        fields = ["title", "author", "year_published", "is_draft", "body"]


class AuthorForm(forms.ModelForm):
    class Meta:
        model = CBAuthor
        fields = ["name"]
