"""Views that read and write JSON, for curl and for programs."""

import json
import math

from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db.models import ProtectedError
from django.http import HttpResponse, JsonResponse
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from django_cbtools.conflicts import retry_on_conflict
from django_cbtools.exceptions import CouchbaseValueError
from django_cbtools.sync_gateway import SyncGatewayConflict

from .models import Customer, Line, Order, Product
from .placing import OutOfStock, place


def number(text):
    """A number with a fraction. Python reads NaN and Infinity as well, and 1e400 as Infinity."""
    found = float(text)
    if not math.isfinite(found):
        raise ValueError(text)
    return found


class Refused(Exception):
    """What is sent cannot be done; ``status`` and a text for whoever sent it."""

    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


def ping(request):
    return HttpResponse("python/django")


# There are no cookies here, so nothing for other sites to make use of.
@method_decorator(csrf_exempt, name="dispatch")
class JSONView(View):
    """Documents of a class: listed, shown, made, changed, deleted."""

    model = None
    fields = ()

    def dispatch(self, request, *args, **kwargs):
        try:
            return super().dispatch(request, *args, **kwargs)
        except Refused as error:
            return JsonResponse({"error": str(error)}, status=error.status)
        except ValidationError as error:
            return JsonResponse({"error": error.message_dict}, status=400)
        except CouchbaseValueError as error:  # such as half a surrogate pair in a text
            return JsonResponse({"error": str(error)}, status=400)
        except ObjectDoesNotExist as error:
            return JsonResponse({"error": str(error)}, status=404)
        except (SyncGatewayConflict, OutOfStock) as error:
            return JsonResponse({"error": str(error)}, status=409)
        except ProtectedError:
            return JsonResponse({"error": "Orders refer to it."}, status=409)

    def get(self, request, uid=None):
        if uid is not None:
            return JsonResponse(self.shown(self.load(uid)))
        return JsonResponse(
            {"items": [self.shown(each) for each in self.model.objects.all()[:100]]}
        )

    def post(self, request, uid=None):
        if uid is not None:
            return self.http_method_not_allowed(request)
        document = self.made(self.sent(request))
        return JsonResponse(self.shown(document), status=201)

    @method_decorator(retry_on_conflict)
    def patch(self, request, uid):
        document = self.load(uid)
        self.change(document, self.sent(request))
        document.save()
        return JsonResponse(self.shown(document))

    @method_decorator(retry_on_conflict)
    def delete(self, request, uid):
        self.load(uid).delete()
        return HttpResponse(status=204)

    def load(self, uid):
        document = self.model(uid)
        if document.st_deleted:
            raise self.model.DoesNotExist(f"Document {uid} is deleted.")
        return document

    def sent(self, request):
        try:
            found = json.loads(request.body, parse_float=number, parse_constant=number)
        except (ValueError, RecursionError):
            raise Refused(400, "Send JSON.") from None
        if not isinstance(found, dict):
            raise Refused(400, "Send a JSON object.")
        return found

    def made(self, data):
        document = self.model()
        self.change(document, data)
        document.save()
        return document

    def change(self, document, data):
        unknown = data.keys() - set(self.fields)
        if unknown:
            raise Refused(400, f"There is no {', '.join(sorted(unknown))} here.")
        for name, value in data.items():
            setattr(document, name, value)
        document.full_clean()

    def shown(self, document):
        found = document.fields_as_json()
        return {"uid": document.uid, **{name: found[name] for name in self.fields}}


class CustomerView(JSONView):
    model = Customer
    fields = ("name",)


class ProductView(JSONView):
    model = Product
    fields = ("name", "price", "stock")


class OrderView(JSONView):
    """Orders are placed, and stay as they are."""

    model = Order
    http_method_names = ["get", "post"]

    def made(self, data):
        customer, lines = data.get("customer"), data.get("lines")
        if not isinstance(customer, str) or not isinstance(lines, list) or not lines:
            raise Refused(
                400, 'Send {"customer": uid, "lines": [{"product": uid, "quantity": 1}]}.'
            )
        order = Order(customer=Customer(customer), lines=[self.line(each) for each in lines])
        if len({line.product_uid for line in order.lines}) < len(order.lines):
            raise Refused(400, "A product is in two lines.")
        order.full_clean()
        place(order)
        return order

    def line(self, data):
        uid = data.get("product") if isinstance(data, dict) else None
        if not isinstance(uid, str):
            raise Refused(400, "A line has the uid of a product, and a quantity.")
        product = Product(uid)
        line = Line(product=product, quantity=data.get("quantity"), price=product.price)
        line.full_clean()
        return line

    def shown(self, document):
        try:
            lines = [
                {"product": line.product_uid, "quantity": line.quantity, "price": str(line.price)}
                for line in document.lines
            ]
            subtotal = str(document.subtotal)
        except (AttributeError, TypeError):  # a program may have written anything: shown as it is
            lines, subtotal = document.fields_as_json()["lines"], None
        return {
            "uid": document.uid,
            "customer": document.customer_uid,
            "lines": lines,
            "subtotal": subtotal,
            "state": document.state,
        }
