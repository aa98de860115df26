"""Pages of articles and authors."""

from django.contrib.messages.views import SuccessMessageMixin
from django.urls import reverse_lazy

from django_cbtools.models import (
    CHANNEL_PUBLIC,
    Query,
    load_related_objects,
    query_objects,
    view_rows,
)
from django_cbtools.views import (
    CBCreateView,
    CBDeleteView,
    CBDetailView,
    CBListView,
    CBUpdateView,
)

from .forms import ArticleForm, AuthorForm
from .models import CBArticle, CBAuthor


class ArticleList(CBListView):
    """All articles, or with ``?author=<uid>`` those of one author."""

    model = CBArticle
    template_name = "articles/article_list.html"
    context_object_name = "articles"
    paginate_by = 20

    def get_queryset(self):
        author = self.request.GET.get("author")
        if author:
            return query_objects("articles/by_author", author, CBArticle)
        return CBArticle.objects.order_by("-created")

    def get_context_data(self, **kwargs):
        context = super().get_context_data(**kwargs)
        # One request for the authors of the whole page.
        load_related_objects(context["articles"], "author", CBAuthor)
        return context | {
            "authors": CBAuthor.objects.order_by("name"),
            "author_uid": self.request.GET.get("author", ""),
        }


class ArticleDetail(CBDetailView):
    model = CBArticle
    template_name = "articles/article_detail.html"
    context_object_name = "article"


class ArticleCreate(SuccessMessageMixin, CBCreateView):
    model = CBArticle
    form_class = ArticleForm
    template_name = "form.html"
    extra_context = {"cancel_url": reverse_lazy("articles:list")}
    success_message = "“%(title)s” is saved."

    def get_extra_data(self):
        # Which phones receive it: here, all of them.
        return {"channels": [CHANNEL_PUBLIC]}


class ArticleUpdate(SuccessMessageMixin, CBUpdateView):
    model = CBArticle
    form_class = ArticleForm
    template_name = "form.html"
    success_message = "“%(title)s” is saved."


class ArticleDelete(SuccessMessageMixin, CBDeleteView):
    model = CBArticle
    template_name = "articles/article_confirm_delete.html"
    context_object_name = "article"
    success_url = reverse_lazy("articles:list")
    success_message = "The article is deleted."


class AuthorList(CBListView):
    """Authors, each with the number of articles, which the view's reduce has counted."""

    model = CBAuthor
    template_name = "articles/author_list.html"
    context_object_name = "authors"

    def get_queryset(self):
        rows = view_rows("articles/by_author", Query(group=True))
        counts = {row.key: row.value for row in rows if isinstance(row.key, str)}
        authors = list(CBAuthor.objects.order_by("name"))
        for author in authors:
            author.article_count = counts.get(author.uid, 0)
        return authors


class AuthorCreate(SuccessMessageMixin, CBCreateView):
    model = CBAuthor
    form_class = AuthorForm
    template_name = "form.html"
    extra_context = {"cancel_url": reverse_lazy("articles:authors")}
    success_url = reverse_lazy("articles:authors")
    success_message = "%(name)s is saved."

    def get_extra_data(self):
        return {"channels": [CHANNEL_PUBLIC]}


class AuthorUpdate(SuccessMessageMixin, CBUpdateView):
    model = CBAuthor
    form_class = AuthorForm
    template_name = "form.html"
    extra_context = {"cancel_url": reverse_lazy("articles:authors")}
    success_url = reverse_lazy("articles:authors")
    success_message = "%(name)s is saved."
