from django.urls import path

from . import views

app_name = "shop"
urlpatterns = [
    path("ping/", views.ping),
    path("customer/", views.CustomerView.as_view()),
    path("customer/<str:uid>/", views.CustomerView.as_view()),
    path("product/", views.ProductView.as_view()),
    path("product/<str:uid>/", views.ProductView.as_view()),
    path("order/", views.OrderView.as_view()),
    path("order/<str:uid>/", views.OrderView.as_view()),
]
