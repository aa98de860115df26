"""The representation of attachments as links."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from django_cbtools.exceptions import (
    CouchbaseModelError,
    SyncGatewayBadRequest,
    SyncGatewayNotFound,
)
from django_cbtools.models.files import NoURL, url_of
from django_cbtools.sync_gateway.calls.quoting import quote_place

from .odd import shown

#: The exceptions for files without contents.
_LOST = (CouchbaseModelError, FileNotFoundError, SyncGatewayNotFound)


class _Attachments(serializers.ListSerializer):
    def to_representation(self, attachments: Any) -> Any:
        return [self.child.to_representation(each) for each in attachments.values()]


class AttachmentSerializer(serializers.Serializer):
    """An attachment: its type and size, and the URL of its contents, or None if there is none."""

    name = serializers.CharField(read_only=True)
    content_type = serializers.CharField(read_only=True)
    length = serializers.IntegerField(read_only=True, allow_null=True)
    digest = serializers.CharField(read_only=True)
    url = serializers.URLField(read_only=True, allow_null=True)

    class Meta:
        list_serializer_class = _Attachments

    def to_representation(self, attachment: Any) -> Any:
        return {
            "name": shown(attachment.name),
            "content_type": shown(attachment.content_type),
            "length": attachment.length,
            "digest": shown(attachment.digest),
            "url": link_to(attachment, self.context),
        }


class FileField(serializers.FileField):
    """A file; one that is an attachment is at the view's own URL of it."""

    def to_representation(self, value: Any) -> Any:
        attachment = attachment_of(value)
        if attachment is None:
            return super().to_representation(value)
        return link_to(attachment, self.context)


class ImageField(FileField, serializers.ImageField):
    """An image, as any file."""


def attachment_of(value: Any) -> Any:
    """Return the attachment that is a field's value. None if it is no attachment, or is gone."""
    try:
        return getattr(value, "attachment", None)
    except _LOST:
        return None


def attachment_name(value: Any) -> str | None:
    """Return the name of the attachment that is a field's value, or None."""
    attachment = attachment_of(value)
    return None if attachment is None else str(attachment.name)


def link_to(attachment: Any, context: dict[str, Any]) -> str | None:
    """Return the URL of an attachment's contents: at the view of the request if it has one, else at
    the site or its admin. None if there is none."""
    uid, name = attachment.document.uid, attachment.name
    try:
        quote_place(uid, name)
    except SyncGatewayBadRequest:
        return None  # a phone has given it a name that no gateway has an address for
    view: Any = context.get("view")
    request = context.get("request")
    url = view.attachment_url(attachment) if hasattr(view, "attachment_url") else None
    if url is None:
        try:
            url = url_of(attachment.document, name)
        except NoURL:
            return None
    return str(request.build_absolute_uri(url)) if request is not None else str(url)
