from django.urls import path

from . import views

app_name = "airports"

urlpatterns = [
    path("", views.CountryList.as_view(), name="countries"),
    path("search/", views.AirportSearch.as_view(), name="search"),
    path("search/points.json", views.search_points, name="search_points"),
    path("in/<str:code>/", views.CountryDetail.as_view(), name="country"),
    path("in/<str:code>/points.json", views.country_points, name="points"),
    path("<str:pk>/", views.AirportDetail.as_view(), name="airport"),
]
