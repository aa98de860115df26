"""Airports as a REST API: everybody may read them, staff with permissions may change them."""

from django_filters.rest_framework import DjangoFilterBackend
from rest_framework import filters, permissions

from django_cbtools.rest_framework import DocumentSerializer, DocumentViewSet

from .filters import AirportFilter
from .models import CBAirport


class AirportSerializer(DocumentSerializer):
    class Meta:
        model = CBAirport
        fields = [
            "uid", "icao", "iata", "name", "city", "subd", "country", "elevation", "lat", "lon",
            "tz", "lid", "channels", "created", "updated",
        ]  # fmt: skip


class AirportViewSet(DocumentViewSet):
    queryset = CBAirport.objects.all()
    serializer_class = AirportSerializer
    permission_classes = [permissions.DjangoModelPermissionsOrAnonReadOnly]
    filter_backends = [DjangoFilterBackend, filters.SearchFilter]
    filterset_class = AirportFilter
    search_fields = ["=icao", "=iata", "name", "city"]

    def perform_create(self, serializer):
        # Phones that follow the country receive it.
        serializer.save(channels=[serializer.validated_data["country"]])
