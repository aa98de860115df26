from django.urls import path

from . import views

app_name = "airports"

# A phone may have written any uid and any country: with a slash in it, too.
urlpatterns = [
    path("", views.CountryList.as_view(), name="countries"),
    path("search/", views.AirportSearch.as_view(), name="search"),
    path("search/points.json", views.search_points, name="search_points"),
    path("in/<path:code>/points.json", views.country_points, name="points"),
    path("in/<path:code>/", views.CountryDetail.as_view(), name="country"),
    path("<path:pk>/edit/", views.AirportUpdate.as_view(), name="update"),
    path("<path:pk>/", views.AirportDetail.as_view(), name="airport"),
]
