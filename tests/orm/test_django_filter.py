"""Documents in django-filter, and in Django's own pages, choices, shortcuts and generic views."""

from __future__ import annotations

import datetime

import django
import django_filters
import pytest
from asgiref.sync import async_to_sync
from django import forms
from django.contrib.sitemaps import GenericSitemap
from django.contrib.sites.requests import RequestSite
from django.contrib.syndication.views import Feed
from django.core.paginator import EmptyPage, Paginator
from django.http import Http404
from django.shortcuts import aget_object_or_404, get_list_or_404, get_object_or_404
from django.test import RequestFactory
from django.views import generic
from django_filters.views import FilterView

from django_cbtools.exceptions import StaleFormWarning
from tests.testapp.models import CBArticle, CBAuthor

UTC = datetime.timezone.utc


@pytest.fixture
def articles(db):
    authors = [CBAuthor(uid=name, name=name, channels=["c"]) for name in ("Ann", "Bob")]
    CBAuthor.objects.bulk_create(authors)
    CBArticle.objects.bulk_create(
        CBArticle(
            uid=str(n), title=f"Title {n}", year_published=2020 - n % 3, author=authors[n % 2],
            is_draft=n > 2, published=datetime.datetime(2020, 1 + n, 1, tzinfo=UTC),
            price=f"{n}.50", tags=["a"] * n, channels=["c"],
        )
        for n in range(5)
    )  # fmt: skip


# --------------------------------------------------------------- django-filter


class ArticleFilter(django_filters.FilterSet):
    title = django_filters.CharFilter(lookup_expr="icontains")
    by = django_filters.CharFilter("author__name", lookup_expr="iexact")
    price = django_filters.RangeFilter()
    between = django_filters.DateFromToRangeFilter("published")
    year = django_filters.NumberFilter("published__year")
    years = django_filters.AllValuesFilter("year_published")
    authors = django_filters.ModelMultipleChoiceFilter("author", queryset=CBAuthor.objects.all())
    has_author = django_filters.BooleanFilter("author", lookup_expr="isnull", exclude=True)
    expensive = django_filters.BooleanFilter(method="filter_expensive")
    color = django_filters.CharFilter("extra__color")
    order = django_filters.OrderingFilter(fields=["year_published", ("author__name", "by")])

    class Meta:
        model = CBArticle
        fields = {
            "author": ["exact", "isnull"],
            "is_draft": ["exact"],
            "year_published": ["exact", "lt", "in", "range"],
            "title": ["istartswith"],
            "published": ["date", "gte"],
            "uid": ["exact"],
        }

    def filter_expensive(self, queryset, name, value):
        return queryset.filter(price__gte=3) if value else queryset.filter(price__lt=3)


FILTERS = [
    ({}, "01234"),
    ({"title": "LE 3"}, "3"),
    ({"title__istartswith": "title 1"}, "1"),
    ({"by": "ann"}, "024"),
    ({"author": "Bob"}, "13"),
    ({"authors": ["Ann", "Bob"]}, "01234"),
    ({"author__isnull": True}, ""),
    ({"has_author": True}, "01234"),
    ({"price_min": "1", "price_max": "2.5"}, "12"),
    ({"between_after": "2020-02-01", "between_before": "2020-03-01"}, "12"),
    ({"year": 2020}, "01234"),
    ({"years": 2018}, "2"),
    ({"is_draft": True}, "34"),
    ({"year_published__lt": 2020}, "124"),
    ({"year_published__in": "2018,2019"}, "124"),
    ({"year_published__range": "2019,2020"}, "0134"),
    ({"published__date": "2020-02-01"}, "1"),
    ({"published__gte": "2020-05-01"}, "4"),
    ({"uid": "2"}, "2"),
    ({"expensive": True}, "34"),
    ({"color": "red"}, ""),
    ({"order": "-year_published,by"}, "03412"),
]


@pytest.mark.parametrize(("data", "expected"), FILTERS, ids=str)
def test_filters(articles, data, expected):
    found = ArticleFilter(data, CBArticle.objects.order_by("uid"))
    assert found.form.is_valid(), found.form.errors
    uids = [article.uid for article in found.qs]
    assert uids == list(expected)


def test_filter_of_everything_that_can_be_filtered(articles):
    class All(django_filters.FilterSet):
        class Meta:
            model = CBArticle
            fields = "__all__"
            exclude = ["channels", "extra", "tags", "details"]

    found = All({"title": "Title 1", "author": "Bob", "st_deleted": False})
    assert isinstance(All.base_filters["author"], django_filters.ModelChoiceFilter)
    assert [article.uid for article in found.qs] == ["1"]


def test_wrong_filters_are_errors_of_the_form(articles):
    found = ArticleFilter({"author": "nobody", "price_min": "many", "order": "nothing"})
    assert set(found.form.errors) == {"author", "price", "order"}


def test_filter_view(articles):
    class View(FilterView):
        filterset_class = ArticleFilter
        template_name = "testapp/page.html"

    answer = View.as_view()(RequestFactory().get("/", {"author": "Bob"}))
    assert answer.status_code == 200
    assert {article.uid for article in answer.context_data["object_list"]} == {"1", "3"}
    assert '<option value="Bob" selected>' in str(answer.context_data["filter"].form)


# ----------------------------------------------------------------------- pages


def test_paginator(articles):
    pages = Paginator(CBArticle.objects.order_by("-uid"), 2)
    assert (pages.count, pages.num_pages) == (5, 3)
    assert [[article.uid for article in page] for page in pages] == [list("43"), list("21"), ["0"]]
    with pytest.raises(EmptyPage):
        pages.page(4)


if django.VERSION >= (6, 0):
    from django.core.paginator import AsyncPaginator

    def test_async_paginator(articles):
        async def pages():
            found = AsyncPaginator(CBArticle.objects.order_by("uid"), 3)
            assert await found.acount() == 5
            return [[article.uid async for article in page] async for page in found]

        assert async_to_sync(pages)() == [list("012"), list("34")]


# --------------------------------------------------------------------- choices


class ChoiceForm(forms.Form):
    author = forms.ModelChoiceField(CBAuthor.objects.order_by("name"), required=False)
    articles = forms.ModelMultipleChoiceField(CBArticle.objects.all(), required=False)
    by_name = forms.ModelChoiceField(
        CBAuthor.objects.all(), to_field_name="name", widget=forms.RadioSelect, required=False
    )


def test_model_choices(articles):
    form = ChoiceForm({"author": "Ann", "articles": ["1", "3"], "by_name": "Bob"})
    assert form.is_valid(), form.errors
    assert form.cleaned_data["author"] == CBAuthor("Ann")
    assert {article.uid for article in form.cleaned_data["articles"]} == {"1", "3"}
    assert form.cleaned_data["by_name"] == CBAuthor("Bob")
    assert [str(value) for value, _ in form.fields["author"].choices] == ["", "Ann", "Bob"]
    assert '<option value="Ann" selected>' in str(form["author"])


def test_choices_that_are_not_there(articles):
    CBAuthor("Bob").delete()
    form = ChoiceForm({"author": "Bob", "articles": ["1", "nothing"], "by_name": "Cid"})
    assert set(form.errors) == {"author", "articles", "by_name"}


# ------------------------------------------------------- shortcuts, generic views


def test_shortcuts(articles):
    assert get_object_or_404(CBArticle, pk="1").title == "Title 1"
    assert len(get_list_or_404(CBArticle.objects.filter(author__name="Ann"))) == 3
    CBArticle("1").delete()
    for query in ({"pk": "1"}, {"title": "nothing"}):
        with pytest.raises(Http404):
            get_object_or_404(CBArticle, **query)
        with pytest.raises(Http404):
            get_list_or_404(CBArticle, **query)


def test_async_shortcut(db):
    CBAuthor(uid="a", name="Ann", channels=["c"]).save()
    assert async_to_sync(aget_object_or_404)(CBAuthor, name="Ann").uid == "a"
    with pytest.raises(Http404):
        async_to_sync(aget_object_or_404)(CBAuthor, name="Bob")


PAGE = {"model": CBArticle, "template_name": "testapp/page.html"}


def ask(view, method="get", data=None, **kwargs):
    return view(getattr(RequestFactory(), method)("/", data), **kwargs)


def test_djangos_generic_views(articles):
    rows = ask(generic.ListView.as_view(**PAGE, paginate_by=2, ordering="uid"))
    assert [article.uid for article in rows.context_data["object_list"]] == ["0", "1"]
    shown = ask(generic.DetailView.as_view(**PAGE), pk="1")
    assert shown.context_data["cbarticle"].title == "Title 1"
    edit = generic.UpdateView.as_view(**PAGE, fields=["title", "author"], success_url="/")
    assert 'value="Title 1"' in str(ask(edit, pk="1").context_data["form"])
    with pytest.warns(StaleFormWarning):
        assert ask(edit, "post", {"title": "new", "author": "Ann"}, pk="1").status_code == 302
    assert (CBArticle("1").title, CBArticle("1").author_uid) == ("new", "Ann")
    with pytest.warns(StaleFormWarning):
        refused = ask(edit, "post", {"title": "x" * 46, "author": "nobody"}, pk="1")
    assert set(refused.context_data["form"].errors) == {"title", "author"}
    delete = generic.DeleteView.as_view(**PAGE, success_url="/")
    assert ask(delete, "post", pk="1").status_code == 302
    assert CBArticle("1").st_deleted
    with pytest.raises(Http404):
        ask(generic.DetailView.as_view(**PAGE), pk="1")


def test_django_date_views(articles):
    months = generic.MonthArchiveView.as_view(**PAGE, date_field="published", month_format="%m")
    found = ask(months, year=2020, month=2).context_data
    assert [article.uid for article in found["object_list"]] == ["1"]
    assert found["next_month"] == datetime.date(2020, 3, 1)


class ArticleFeed(Feed):
    title, link, description = "Articles", "/", "All"

    def items(self):
        return CBArticle.objects.order_by("-published")[:2]

    def item_link(self, item):
        return f"/{item.uid}/"

    def item_title(self, item):
        return item.title

    def item_description(self, item):
        return item.title

    def item_pubdate(self, item):
        return item.published


def test_feed_and_sitemap(articles, monkeypatch):
    feed = ask(ArticleFeed()).content.decode()
    assert "Title 4" in feed
    assert "Title 2" not in feed
    monkeypatch.setattr(CBArticle, "get_absolute_url", lambda self: f"/{self.uid}/", raising=False)
    pages = GenericSitemap(
        {"queryset": CBArticle.objects.order_by("uid"), "date_field": "published"}
    )
    found = pages.get_urls(site=RequestSite(RequestFactory().get("/")))
    assert found[4]["location"] == "https://testserver/4/"
    assert found[4]["lastmod"] == datetime.datetime(2020, 5, 1, tzinfo=UTC)
