"""Airports as a REST API: everybody may read them, staff with permissions may change them."""

from django_filters.rest_framework import DjangoFilterBackend
from rest_framework import filters, permissions, serializers, viewsets

from .filters import AirportFilter
from .models import CBAirport


class AirportSerializer(serializers.ModelSerializer):
    class Meta:
        model = CBAirport
        fields = [
            "uid", "icao", "iata", "name", "city", "subd", "country", "elevation", "lat", "lon",
            "tz", "lid", "channels", "created", "updated",
        ]  # fmt: skip


class AirportViewSet(viewsets.ModelViewSet):
    queryset = CBAirport.objects.all()
    serializer_class = AirportSerializer
    permission_classes = [permissions.DjangoModelPermissionsOrAnonReadOnly]
    filter_backends = [DjangoFilterBackend, filters.SearchFilter]
    filterset_class = AirportFilter
    search_fields = ["=icao", "=iata", "name", "city"]

    def perform_create(self, serializer):
        # Phones that follow the country receive it.
        serializer.save(channels=[serializer.validated_data["country"]])
