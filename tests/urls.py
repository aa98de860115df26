from django.urls import path

from tests.testapp import views

urlpatterns = [
    path("articles/", views.ArticleList.as_view()),
    path("articles/new/", views.ArticleCreate.as_view()),
    path("articles/plain/", views.PlainCreate.as_view()),
    path("articles/<pk>/", views.ArticleDetail.as_view()),
    path("articles/<pk>/edit/", views.ArticleUpdate.as_view()),
    path("articles/<pk>/delete/", views.ArticleDelete.as_view()),
    path("articles/<pk>/title/", views.ArticleTitle.as_view()),
]
