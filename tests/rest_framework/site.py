"""A site whose API is of documents: their classes, serializers, viewsets and URLs."""

from __future__ import annotations

from django.db import models
from django.urls import include, path
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework import filters, pagination, serializers
from rest_framework.routers import DefaultRouter

from django_cbtools.models import (
    AttachmentField,
    BlobField,
    CouchbaseModel,
    CouchbaseNestedModel,
    DictField,
    Documents,
    EmbeddedField,
    EmbeddedListField,
    ForeignKey,
    ListField,
    SetField,
    UniqueKey,
)
from django_cbtools.rest_framework import (
    ChannelsField,
    DocumentSerializer,
    DocumentViewSet,
    ReadOnlyDocumentViewSet,
)
from tests.testapp.models import CBAuthor


class Row(CouchbaseNestedModel):
    class Meta:
        abstract = True
        app_label = "testapp"

    qty = models.IntegerField()
    note = models.CharField(max_length=10, blank=True)
    since = models.DateField(null=True, blank=True)


class Depot(CouchbaseNestedModel):
    class Meta:
        abstract = True
        app_label = "testapp"

    city = models.CharField(max_length=10)
    floor = models.IntegerField(null=True, blank=True)
    next = EmbeddedField("self", null=True, blank=True)


class Order(CouchbaseModel):
    class Meta:
        abstract = True
        app_label = "testapp"
        constraints = [UniqueKey(fields=["number"], name="rest_order_number")]

    doc_type = "rest_order"
    uid_prefix = "ord"
    default_channels = ["c"]

    title = models.CharField(max_length=20)
    number = models.IntegerField(null=True, blank=True)
    amount = models.DecimalField(max_digits=5, decimal_places=2, null=True, blank=True)
    at = models.DateTimeField(null=True, blank=True)
    color = models.CharField(max_length=1, blank=True, choices=[("r", "Red"), ("g", "Green")])
    author = ForeignKey(CBAuthor, models.DO_NOTHING, null=True, blank=True, related_name="+")
    depot = EmbeddedField(Depot, null=True, blank=True)
    rows = EmbeddedListField(Row, blank=True)
    tags = ListField(models.CharField(max_length=5), blank=True)
    days = ListField(models.DateField(), blank=True)
    codes = SetField(models.IntegerField(), blank=True)
    anything = ListField(blank=True)
    notes = DictField(blank=True)
    plan = AttachmentField(blank=True)
    photo = BlobField(blank=True)

    @property
    def loud(self) -> str:
        return self.title + "!"


class RedOnes(Documents):
    def get_queryset(self):
        return super().get_queryset().filter(color="r")


class RedOrder(Order):
    """Its own manager leaves documents out."""

    class Meta:
        abstract = True
        app_label = "testapp"

    doc_type = "rest_order_red"
    objects = RedOnes()


class OrderSerializer(DocumentSerializer):
    class Meta:
        model = Order
        fields = "__all__"


class ChanneledSerializer(DocumentSerializer):
    channels = ChannelsField()
    loud = serializers.ReadOnlyField()
    writer = serializers.SerializerMethodField()

    class Meta:
        model = Order
        fields = ["url", "uid", "title", "channels", "loud", "writer", "extra"]
        extra_kwargs = {"url": {"view_name": "channeled-detail"}, "extra": {"read_only": False}}

    def get_writer(self, order: Order) -> str:
        return order.author.name if order.author_uid else ""


class AuthorSerializer(DocumentSerializer):
    class Meta:
        model = CBAuthor
        fields = ["uid", "name"]


class Pages(pagination.PageNumberPagination):
    page_size = 2


class OrderViewSet(DocumentViewSet):
    queryset = Order.objects.order_by("uid")
    serializer_class = OrderSerializer


class StrictViewSet(OrderViewSet):
    requires_precondition = True


class PagedViewSet(ReadOnlyDocumentViewSet):
    queryset = Order.objects.order_by("uid")
    serializer_class = OrderSerializer
    pagination_class = Pages
    filter_backends = [DjangoFilterBackend, filters.OrderingFilter, filters.SearchFilter]
    filterset_fields = ["color"]
    search_fields = ["title", "tags"]


class ChanneledViewSet(DocumentViewSet):
    queryset = Order.objects.all()
    serializer_class = ChanneledSerializer


class AuthorViewSet(DocumentViewSet):
    queryset = CBAuthor.objects.all()
    serializer_class = AuthorSerializer


class AnnsViewSet(DocumentViewSet):
    """Shows some documents only."""

    queryset = Order.objects.filter(author="Ann")
    serializer_class = OrderSerializer


class RedViewSet(DocumentViewSet):
    queryset = RedOrder.objects.all()
    serializer_class = OrderSerializer


router = DefaultRouter()
router.register("orders", OrderViewSet)
router.register("strict", StrictViewSet, "strict")
router.register("paged", PagedViewSet, "paged")
router.register("channeled", ChanneledViewSet, "channeled")
router.register("authors", AuthorViewSet, "author")
router.register("anns", AnnsViewSet, "anns")
router.register("red", RedViewSet, "red")
urlpatterns = [path("", include(router.urls))]


def save(api, data, address="/orders/"):
    """A new document of the site's, by its API: the answer's data."""
    answer = api.post(address, data, format="json")
    assert answer.status_code == 201, answer.data
    return answer.data
