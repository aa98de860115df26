from django.urls import path

from . import views

app_name = "articles"

# A phone may have made a uid with a slash in it.
urlpatterns = [
    path("articles/", views.ArticleList.as_view(), name="list"),
    path("articles/new/", views.ArticleCreate.as_view(), name="create"),
    path("articles/<path:pk>/edit/", views.ArticleUpdate.as_view(), name="update"),
    path("articles/<path:pk>/delete/", views.ArticleDelete.as_view(), name="delete"),
    path("articles/<path:pk>/", views.ArticleDetail.as_view(), name="detail"),
    path("authors/", views.AuthorList.as_view(), name="authors"),
    path("authors/new/", views.AuthorCreate.as_view(), name="author_create"),
    path("authors/<path:pk>/edit/", views.AuthorUpdate.as_view(), name="author_update"),
]
