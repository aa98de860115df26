"""REST framework viewsets of documents, which check revisions."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.core.exceptions import ImproperlyConfigured, ObjectDoesNotExist
from django.http import Http404
from django.urls import NoReverseMatch
from rest_framework import exceptions, status
from rest_framework.decorators import action
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ModelViewSet, ReadOnlyModelViewSet

from django_cbtools import conf
from django_cbtools.exceptions import SyncGatewayException
from django_cbtools.models import AllDocuments, Documents
from django_cbtools.models.unique import can_be_asked
from django_cbtools.transfers.views import serve_attachment

from . import preconditions
from .addresses import part_of, uid_of
from .errors import Conflict, PreconditionFailed, PreconditionRequired, translated


class _Metadata:
    """Metadata for OPTIONS, also for objects that contain objects of the same class."""

    def get_serializer_info(self, serializer: Any) -> Any:
        if getattr(serializer, "is_recurring", False):
            return {}
        return super().get_serializer_info(serializer)  # type: ignore[misc]


class ReadOnlyDocumentViewSet(ReadOnlyModelViewSet):
    """A viewset for reading documents, with ``queryset`` and ``serializer_class`` as usual.

    Responses with one document have its revision as ``ETag``. Documents are found by the ORM, so
    that all filters and permissions apply, or, without an ORM for documents, by their uid.
    """

    #: A uid in a URL may contain all characters except a slash, which is escaped.
    lookup_value_regex = "[^/]+"
    #: A subclass of the site's own metadata class, if it has one.
    metadata_class = APIView.metadata_class and type(
        "Metadata", (_Metadata, APIView.metadata_class), {}
    )

    def initial(self, request: Any, *args: Any, **kwargs: Any) -> None:
        name = self._lookup_name()
        if name in self.kwargs:
            self.kwargs[name] = uid_of(str(self.kwargs[name]))
        super().initial(request, *args, **kwargs)

    def _lookup_name(self) -> str:
        return str(self.lookup_url_kwarg or self.lookup_field)

    # ------------------------------------------------------------------- documents

    def get_object(self) -> Any:
        """Return the document. Raises Http404 if it does not exist."""
        if not can_be_asked():
            document = self._loaded()
            self.check_object_permissions(self.request, document)
            return document
        document = super().get_object()
        if "rev" not in document.__dict__:
            # SQL++ reads no revisions, so the current document is loaded from the gateway.
            self._or_404(document.refresh_from_db, document)
        return document

    def _loaded(self) -> Any:
        """Return the document, loaded by its key. This is used without an ORM."""
        queryset = self.filter_queryset(self.get_queryset())
        model = queryset.model
        if self.lookup_field not in ("pk", "uid") or not _is_unrestricted(queryset):
            raise ImproperlyConfigured(
                f"{type(self).__name__} restricts which documents it shows, or finds them by "
                f"{self.lookup_field!r}, which takes an ORM: set DATABASES as "
                "docs/couchbase-server.rst says, or write a get_object() that loads the document "
                "by its key and checks it."
            )
        document = model()
        self._or_404(document.load, document, self.kwargs[self._lookup_name()])
        return document

    def _or_404(self, load: Any, document: Any, *args: Any) -> None:
        try:
            load(*args)
        except ObjectDoesNotExist as error:
            raise Http404(str(error)) from error
        if document.st_deleted is True:
            raise Http404("The document has been deleted.")

    def get_etag(self, document: Any) -> str | None:
        """Return the ETag of a document, made from its revision.

        Override it to return None if responses show more than the document, such as fields of a
        related one.
        """
        return preconditions.etag_of(document)

    # ------------------------------------------------------------------- actions

    def retrieve(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        document = self.get_object()
        etag = self.get_etag(document)
        header = request.headers.get("If-None-Match")
        # Pages of the browsable API also depend on who is logged in.
        is_page = request.accepted_renderer.format == "api"
        if header and etag and not is_page and not preconditions.is_none_match(header, etag):
            return _with_etag(Response(status=status.HTTP_304_NOT_MODIFIED), etag)
        response = Response(self.get_serializer(document).data)
        return response if is_page else _with_etag(response, etag)

    @action(detail=True, methods=["get"])
    def attachment(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the contents of the attachment that the query string names.

        Only attachments that the serializer shows are found.
        """
        document, name = self.get_object(), request.GET.get("name", "")
        if not self.get_serializer().shows_attachment(document, name):
            raise Http404("The document has no such attachment.")
        return serve_attachment(request._request, document, name)

    def perform_content_negotiation(self, request: Any, force: bool = False) -> Any:
        # The content type of attachments does not depend on the Accept header.
        return super().perform_content_negotiation(request, force or self.action == "attachment")

    def attachment_url(self, attachment: Any) -> Any:
        """Return the URL of an attachment, or None if this view does not serve its document."""
        document = attachment.document
        queryset = self.queryset if self.queryset is not None else self.get_queryset()
        if not isinstance(document, queryset.model):
            return None
        url = self._reverse("attachment", document)
        return url and f"{url}?{urlencode({'name': attachment.name}, errors='replace')}"

    def _reverse(self, name: str, document: Any) -> str | None:
        """Return the URL of an action on a document, or None if the site has none."""
        if getattr(self, "basename", None) is None:
            return None
        arguments = {**self.kwargs, self._lookup_name(): part_of(str(document.pk))}
        with suppress(NoReverseMatch):
            return str(self.reverse_action(name, kwargs=arguments))
        return None

    # -------------------------------------------------------------------- errors

    def handle_exception(self, exc: Exception) -> Any:
        found = translated(exc)
        if isinstance(found, Conflict) and found.etag is None:
            self._show_stored(found)
        response = super().handle_exception(found)
        return _with_etag(response, getattr(found, "etag", None))

    def _show_stored(self, error: Any, document: Any = None) -> None:
        """Let an error's response show the stored document."""
        if self._lookup_name() not in self.kwargs:
            return
        try:
            document = self.get_object() if document is None else document
        except (Http404, exceptions.APIException):
            error.show(None, None)
        except SyncGatewayException:
            return  # the stored document cannot be loaded
        else:
            error.show(self.get_serializer(document).data, self.get_etag(document))


class DocumentViewSet(ReadOnlyDocumentViewSet, ModelViewSet):
    """A viewset for reading and writing documents.

    The status is 412 if ``If-Match`` has an ETag that is no longer the document's, and 409 if
    somebody else saves the document at the same time. Both responses contain the stored document.
    If ``requires_precondition`` is True, the status is 428 for changes that do not name the
    revision that they were made from. Documents are deleted softly.
    """

    #: Whether changes must name a revision. None: the setting REST_REQUIRES_PRECONDITION.
    requires_precondition: ClassVar[bool | None] = None

    def create(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        self.perform_create(serializer)
        data = serializer.data
        headers = self.get_success_headers(data)
        if "Location" not in headers and (url := self._reverse("detail", serializer.instance)):
            headers["Location"] = url
        response = Response(data, status=status.HTTP_201_CREATED, headers=headers)
        return _with_etag(response, self.get_etag(serializer.instance))

    def update(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        is_partial = kwargs.pop("partial", False)
        document = self.get_object()
        serializer = self.get_serializer(document, data=request.data, partial=is_partial)
        self.check_preconditions(document, serializer)
        serializer.is_valid(raise_exception=True)
        self.perform_update(serializer)
        # Prefetched objects may no longer be the stored ones.
        vars(serializer.instance).pop("_prefetched_objects_cache", None)
        return _with_etag(Response(serializer.data), self.get_etag(serializer.instance))

    def destroy(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        document = self.get_object()
        self.check_preconditions(document)
        self.perform_destroy(document)
        return Response(status=status.HTTP_204_NO_CONTENT)

    def check_preconditions(self, document: Any, serializer: Any = None) -> None:
        """Check that the request is for the stored revision of the document.

        Raises PreconditionFailed if it is for another revision, and PreconditionRequired if it must
        name a revision and does not.
        """
        headers, etag = self.request.headers, preconditions.etag_of(document)
        match, none_match = headers.get("If-Match"), headers.get("If-None-Match")
        if (match is not None and not preconditions.is_match(match, etag)) or (
            none_match is not None and not preconditions.is_none_match(none_match, etag)
        ):
            error = PreconditionFailed()
            self._show_stored(error, document)
            raise error
        is_required = self.requires_precondition
        if is_required is None:
            is_required = conf.get("REST_REQUIRES_PRECONDITION")
        if is_required and match is None and not self._names_revision(serializer):
            raise PreconditionRequired

    def _names_revision(self, serializer: Any) -> bool:
        """Return whether the request's data name the revision that they are based on."""
        field = None if serializer is None else serializer.fields.get("rev")
        data = self.request.data
        is_read = field is not None and not field.read_only and isinstance(data, Mapping)
        return is_read and bool(data.get("rev"))


def _is_unrestricted(queryset: Any) -> bool:
    """Return whether the queryset has all documents of its class, or all that are not deleted
    softly."""
    query, model = queryset.query, queryset.model
    is_whole = not query.is_sliced and not query.combinator and not query.distinct
    wholes = [_of(manager, model).query.where for manager in (Documents, AllDocuments)]
    return is_whole and query.where in wholes


def _of(manager_class: Any, model: Any) -> Any:
    """Return the queryset of a manager class of the library, without filters of the model's
    managers."""
    manager = manager_class()
    manager.model = model
    return manager.get_queryset()


def _with_etag(response: Any, etag: str | None) -> Any:
    if etag is not None:
        response.headers["ETag"] = etag
    return response
