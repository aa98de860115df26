"""The filters of airports, for the search page and the REST API."""

import django_filters

from .models import CBAirport


class FromToWidget(django_filters.widgets.RangeWidget):
    """Two inputs, each with a name that screen readers say."""

    def __init__(self, attrs=None):
        super().__init__(attrs)
        for widget, name in zip(self.widgets, ["At least", "At most"], strict=True):
            widget.attrs["aria-label"] = name


class AirportFilter(django_filters.FilterSet):
    name = django_filters.CharFilter(lookup_expr="icontains", label="Name contains")
    country = django_filters.ChoiceFilter(
        choices=CBAirport._meta.get_field("country").choices, empty_label="All countries"
    )
    elevation = django_filters.RangeFilter(label="Elevation in feet", widget=FromToWidget)
    order = django_filters.OrderingFilter(
        fields=["name", "country", "elevation"], label="Order by", empty_label=None
    )

    class Meta:
        model = CBAirport
        fields = ["name", "country", "elevation"]
