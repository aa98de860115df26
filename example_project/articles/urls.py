from django.urls import path

from . import views

app_name = "articles"

urlpatterns = [
    path("articles/", views.ArticleList.as_view(), name="list"),
    path("articles/new/", views.ArticleCreate.as_view(), name="create"),
    path("articles/<str:pk>/", views.ArticleDetail.as_view(), name="detail"),
    path("articles/<str:pk>/edit/", views.ArticleUpdate.as_view(), name="update"),
    path("articles/<str:pk>/delete/", views.ArticleDelete.as_view(), name="delete"),
    path("authors/", views.AuthorList.as_view(), name="authors"),
    path("authors/new/", views.AuthorCreate.as_view(), name="author_create"),
    path("authors/<str:pk>/edit/", views.AuthorUpdate.as_view(), name="author_update"),
]
