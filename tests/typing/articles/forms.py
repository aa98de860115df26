from typing import TYPE_CHECKING

from django import forms

from .models import CBArticle

if TYPE_CHECKING:
    ModelForm = forms.ModelForm[CBArticle]
else:
    # Forms have no parameters at run time.
    ModelForm = forms.ModelForm


class ArticleForm(ModelForm):
    class Meta:
        model = CBArticle
        fields = ["title", "year_published", "author"]
