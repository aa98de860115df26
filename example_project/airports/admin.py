from django.contrib import admin

from django_cbtools.admin import CouchbaseModelAdmin

from . import countries
from .models import CBAirport


class RegionFilter(admin.SimpleListFilter):
    """By the first part of the time zone."""

    title = "region"
    parameter_name = "region"

    def lookups(self, request, model_admin):
        names = ["Africa", "America", "Antarctica", "Asia", "Atlantic", "Australia", "Europe"]
        return [(name, name) for name in [*names, "Indian", "Pacific"]]

    def queryset(self, request, queryset):
        region = self.value()
        return queryset.filter(tz__startswith=f"{region}/") if region else queryset


@admin.register(CBAirport)
class AirportAdmin(CouchbaseModelAdmin):
    list_display = ["icao", "name", "city", "country_name", "elevation"]
    list_filter = [RegionFilter]
    search_fields = ["=icao", "=iata", "name", "city"]

    # For the field itself, Django would go through all the choices for each row.
    @admin.display(description="country", ordering="country")
    def country_name(self, airport):
        return countries.name(airport.country)
