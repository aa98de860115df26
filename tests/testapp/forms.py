from django import forms

from tests.testapp.models import CBArticle


class ArticleForm(forms.ModelForm):
    class Meta:
        model = CBArticle
        fields = ["title", "year_published"]


class PlainForm(forms.Form):
    title = forms.CharField(max_length=45)
