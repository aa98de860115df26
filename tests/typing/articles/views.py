from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import path

from django_cbtools.models import CHANNEL_PUBLIC
from django_cbtools.views import (
    CBCreateView,
    CBDeleteView,
    CBDetailView,
    CBFormView,
    CBListView,
    CBUpdateView,
)

from .forms import ArticleForm
from .models import CBArticle


class ArticleList(CBListView):
    queryset = CBArticle.objects.order_by("title")


class ArticleDetail(CBDetailView):
    model = CBArticle


class ArticleCreate(CBCreateView):
    model = CBArticle
    form_class = ArticleForm
    success_url = "/"

    def get_extra_data(self) -> dict[str, Any]:
        return {"channels": [CHANNEL_PUBLIC]}


class ArticleUpdate(CBUpdateView):
    model = CBArticle
    form_class = ArticleForm
    success_url = "/"


class ArticleDelete(CBDeleteView):
    model = CBArticle
    success_url = "/"


class ArticleForms(CBFormView):
    model = CBArticle
    form_class = ArticleForm


def publish(request: HttpRequest, pk: str) -> HttpResponse:
    article = CBArticle(pk)
    article.append_channel(CHANNEL_PUBLIC)
    article.is_draft = False
    article.save()
    return HttpResponse(article.title or "untitled")


urlpatterns = [
    path("", ArticleList.as_view()),
    path("new/", ArticleCreate.as_view()),
    path("<pk>/", ArticleDetail.as_view()),
    path("<pk>/edit/", ArticleUpdate.as_view()),
    path("<pk>/delete/", ArticleDelete.as_view()),
    path("<pk>/publish/", publish),
]
