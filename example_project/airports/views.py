"""Pages of airports."""

from django.contrib.messages.views import SuccessMessageMixin
from django.http import JsonResponse
from django_filters.views import FilterView

from django_cbtools.models import Query, load_objects, query_view, view_rows
from django_cbtools.views import CBDetailView, CBListView, CBUpdateView

from . import countries
from .filters import AirportFilter
from .models import CBAirport

BY_COUNTRY = "airports/by_country"
CHART_BARS = 12


class CountryList(CBListView):
    """Countries, with the number of airports that the view's reduce has counted."""

    template_name = "airports/country_list.html"
    context_object_name = "countries"

    def get_queryset(self):
        found = [
            {"code": row.key, "name": countries.name(row.key), "count": row.value}
            for row in view_rows(BY_COUNTRY, Query(group=True))
            if is_text(row.key)  # what a phone wrote in another type is no country
        ]
        return sorted(found, key=lambda country: country["name"])

    def get_context_data(self, **kwargs):
        context = super().get_context_data(**kwargs)
        by_count = sorted(context["countries"], key=lambda country: -country["count"])
        top = by_count[:CHART_BARS]
        for country in top:
            country["percent"] = round(100 * country["count"] / top[0]["count"], 1)
        return context | {
            "top": top,
            "total": sum(country["count"] for country in context["countries"]),
        }


class AirportsOf:
    """A country's airports as Django's Paginator takes them: only a page is ever loaded."""

    def __init__(self, country):
        self.country = country
        rows = view_rows(BY_COUNTRY, Query(key=country))
        self.count = rows[0].value if rows else 0

    def __len__(self):
        return self.count

    def __getitem__(self, part):
        page = Query(key=self.country, skip=part.start, limit=part.stop - part.start)
        return load_objects(query_view(BY_COUNTRY, None, page), CBAirport)


class CountryDetail(CBListView):
    """A country's airports: a page of them as a list, all of them on a map."""

    template_name = "airports/country_detail.html"
    context_object_name = "airports"
    paginate_by = 50
    allow_empty = False

    def get_queryset(self):
        return AirportsOf(self.kwargs["code"])

    def get_context_data(self, **kwargs):
        context = super().get_context_data(**kwargs)
        return context | {
            "code": self.kwargs["code"],
            "country": countries.name(self.kwargs["code"]),
            "points": points(context["airports"]),
        }


def country_points(request, code):
    """Where all of a country's airports are, for the map: the view alone, no document."""
    rows = view_rows(BY_COUNTRY, Query(key=code, reduce=False))
    return JsonResponse([row.value for row in rows if is_place(*row.value)], safe=False)


class AirportSearch(FilterView):
    """The airports that a form asks for: a page of them as a list, all of them on a map."""

    filterset_class = AirportFilter
    template_name = "airports/airport_search.html"
    context_object_name = "airports"
    paginate_by = 50

    def get_context_data(self, **kwargs):
        context = super().get_context_data(**kwargs)
        return context | {"points": points(context["airports"])}


def search_points(request):
    """Where all airports are that the search finds: two columns, no document."""
    found = AirportFilter(request.GET, CBAirport.objects.order_by())
    rows = found.qs.values_list("lon", "lat") if found.is_valid() else []
    return JsonResponse([row for row in rows if is_place(*row)], safe=False)


class AirportDetail(CBDetailView):
    """One airport."""

    model = CBAirport
    template_name = "airports/airport_detail.html"
    context_object_name = "airport"

    def get_context_data(self, **kwargs):
        return super().get_context_data(**kwargs) | {"points": points([self.object])}


class AirportUpdate(SuccessMessageMixin, CBUpdateView):
    """A form without a class: it is a DocumentForm, too."""

    model = CBAirport
    fields = ["name", "city", "subd", "country", "elevation", "lat", "lon", "iata", "lid"]
    template_name = "form.html"
    success_message = "%(name)s is saved."


def points(airports):
    """Airports as static/map.js takes them."""
    return [
        {
            "lon": airport.lon,
            "lat": airport.lat,
            "name": f"{airport.icao} {airport.name}",
            "url": airport.get_absolute_url(),
        }
        for airport in airports
        if is_place(airport.lon, airport.lat)
    ]


def is_text(value):
    return isinstance(value, str) and value != ""


def is_place(lon, lat):
    return all(isinstance(degrees, (int, float)) for degrees in (lon, lat))
