from django_cbtools import views
from tests.testapp.forms import ArticleForm, PlainForm
from tests.testapp.models import CBArticle


class ArticleMixin:
    model = CBArticle
    success_url = "/articles/"
    template_name = "testapp/page.html"


class ArticleList(ArticleMixin, views.CBListView):
    pass


class ArticleDetail(ArticleMixin, views.CBDetailView):
    pass


class ArticleCreate(ArticleMixin, views.CBCreateView):
    form_class = ArticleForm

    def get_extra_data(self):
        return {"channels": ["from-the-view"]}


class PlainCreate(ArticleCreate):
    form_class = PlainForm

    def get_form_kwargs(self):
        kwargs = super().get_form_kwargs()
        kwargs.pop("instance", None)
        return kwargs


class ArticleUpdate(ArticleMixin, views.CBUpdateView):
    form_class = ArticleForm


class ArticleDelete(ArticleMixin, views.CBDeleteView):
    pass


class ArticleTitle(ArticleMixin, views.CBFormView):
    form_class = PlainForm

    def form_valid(self, form):
        document = self.get_object()
        document.title = form.cleaned_data["title"]
        document.save()
        return super().form_valid(form)
