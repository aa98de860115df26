"""What airports can be searched by, on the search page and in the REST API."""

import django_filters

from .models import CBAirport


class AirportFilter(django_filters.FilterSet):
    name = django_filters.CharFilter(lookup_expr="icontains", label="Name contains")
    country = django_filters.ChoiceFilter(
        choices=CBAirport._meta.get_field("country").choices, empty_label="All countries"
    )
    elevation = django_filters.RangeFilter(label="Elevation in feet")
    order = django_filters.OrderingFilter(
        fields=["name", "country", "elevation"], label="Order by", empty_label=None
    )

    class Meta:
        model = CBAirport
        fields = ["name", "country", "elevation"]
