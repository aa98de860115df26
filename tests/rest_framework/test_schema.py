"""The OpenAPI schema of an API of documents, by drf-spectacular."""

from __future__ import annotations

import warnings

from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

from django_cbtools.rest_framework import openapi  # noqa: F401  (its extensions register themselves)
from tests.rest_framework import site


def test_schema(settings):
    settings.REST_FRAMEWORK = {"DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema"}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        schema = SchemaGenerator(urlconf=site).get_schema(public=True)
    validate_schema(schema)
    put = schema["paths"]["/orders/{uid}/"]["put"]
    assert {"200", "409", "412", "428"} <= set(put["responses"])
    assert "If-Match" in [each["name"] for each in put["parameters"]]
    assert "ETag" in put["responses"]["200"]["headers"]
    get = schema["paths"]["/orders/{uid}/"]["get"]
    assert "If-None-Match" in [each["name"] for each in get["parameters"]]
    assert "409" not in get["responses"]
    attachment = schema["paths"]["/orders/{uid}/attachment/"]["get"]
    assert "application/octet-stream" in attachment["responses"]["200"]["content"]
    found = schema["components"]["schemas"]
    order = found["Order"]["properties"]
    assert order["rows"]["items"] == {"$ref": "#/components/schemas/Row"}
    assert order["unread"]["readOnly"]
    assert order["tags"]["items"]["maxLength"] == 5
    assert (order["days"]["items"]["format"], order["notes"]["type"]) == ("date", "object")
    assert order["attachments"]["items"] == {"$ref": "#/components/schemas/Attachment"}
    assert "unread" not in found["Order"]["required"]
    assert set(found["Row"]["required"]) == {"qty"}
    assert set(found["Row"]["properties"]) == {"uid", "qty", "note", "since", "extra", "unread"}
