"""Documents as Django models."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, TypeVar, cast

from asgiref.sync import sync_to_async
from django.core.checks import CheckMessage
from django.db import models
from django.db.models import signals
from django.db.models.base import ModelState

from django_cbtools import conf
from django_cbtools.exceptions import CouchbaseModelError, shown
from django_cbtools.sync_gateway.calls.client import parse_stored

from .branches import Branching
from .channels import Undecided
from .document import DOC_TYPE, DocumentJSON, copied, remembered
from .fields import values
from .fields.arrays import ListField
from .fields.extra import ExtraField
from .keywords import known_keywords
from .loading import Plan
from .meta import DocumentBase
from .naming import with_json
from .queryset import AllDocuments, DocumentQuerySet, Documents, NoManager
from .refreshing import Refreshing
from .relations import UID_LENGTH
from .subclasses import SubclassesQuery
from .telling import missing, row_error
from .uids import new_uid
from .unique import ValidatedUniqueness
from .writing import versions

Self = TypeVar("Self", bound="CouchbaseModel")

#: System checks of tables, which do not apply to documents.
_OF_TABLES = frozenset(("models.W047",))


class Loaded(NamedTuple):
    """The data of a loaded instance: the gateway's document, its uid and revision, and the values
    that the instance compares with when it is saved."""

    uid: Any
    rev: Any
    document: Mapping[str, Any]
    was: dict[str, Any] | str
    db: str | None


class CouchbaseModel(
    Refreshing,
    Branching,
    ValidatedUniqueness,
    models.Model,
    metaclass=DocumentBase,
    base=True,
):
    """The base class of documents. Subclass it with ``abstract = True`` in Meta, and add fields.

    ``CBArticle(title="...", channels=["public"])`` creates a new document. ``CBArticle("atl_...")``
    loads the document with this uid. Keyword arguments set fields, relations and properties, as in
    Django. Others are ignored, with an UnknownFieldWarning.

    ``extra`` is a dictionary of the JSON keys that no field declares. They are saved again.
    """

    uid_prefix: str = "st"
    doc_type: ClassVar[str | None] = None
    #: The channels of new documents without channels: a list, or a function of the document.
    #: If it is None, documents of this class are in no channel, so that no phone gets them.
    default_channels: ClassVar[Sequence[str] | Callable[[Any], Sequence[str]] | None] = ()
    #: Views that deletion uses without an ORM, by the relation's name; keys are related uids.
    relation_views: ClassVar[Mapping[str, str]] = {}
    #: True for nested models, whose instances are parts of a document and not saved on their own.
    is_nested: ClassVar[bool] = False
    #: All document classes, by ``_meta.db_table``.
    tables: ClassVar[dict[str, Any]] = {}
    _plan_cache: ClassVar[Plan]
    #: The version of the document that was read, if it was read without its revision.
    _version: str | None = None
    _version_uid: str | None = None

    uid = models.CharField(
        primary_key=True, max_length=UID_LENGTH, default=None, blank=True, editable=False
    )
    rev = models.CharField(max_length=300, default=None, null=True, blank=True, editable=False)
    rev.descriptor_class = versions.Revision
    channels: ListField[list[str], list[str]] = ListField(
        blank=True, default=Undecided, editable=False
    )
    created = models.DateTimeField(null=True, blank=True, editable=False)
    updated = models.DateTimeField(null=True, blank=True, editable=False)
    st_deleted = models.BooleanField(default=False, editable=False)
    extra = ExtraField(default=dict, blank=True, editable=False)

    objects = Documents()
    all_objects = AllDocuments()

    class Meta:
        abstract = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._was = {}
        if "extra" in kwargs:
            kwargs["extra"] = dict(kwargs["extra"] or {})
        if "uid_prefix" in kwargs:
            self.uid_prefix = kwargs.pop("uid_prefix")
        if len(args) > 1 or any(not isinstance(arg, (str, Loaded)) for arg in args):
            raise TypeError(f"{type(self).__name__}() takes keyword arguments, or one uid to load.")
        given = known_keywords(type(self), kwargs)
        if not args:
            super().__init__(**given)
            return
        # Receivers of Django's signals of new instances get the stored values.
        self._prepare_to_load()
        source: Any = args[0]
        if isinstance(source, Loaded):
            self._become(*source)
            given = {}
        else:
            self.load(source)
        state = self._state
        names = [field.attname for field in self._meta.concrete_fields]
        stored = [getattr(self, name) for name in names]
        for name in names:
            self.__dict__.pop(name, None)
        self._is_loading = True
        try:
            super().__init__(*stored)
        finally:
            self.__dict__.pop("_is_loading", None)
        self._state = state
        for name, value in given.items():
            setattr(self, name, value)

    def __str__(self) -> str:
        return with_json(self)

    # ------------------------------------------------------------------ class

    @classmethod
    def type_name(cls) -> str:
        """Return the ``doc_type`` of the documents of this class."""
        concrete: Any = cls._meta.concrete_model  # of a proxy
        name: str = concrete.doc_type or concrete.__name__.lower()
        return name

    @classmethod
    def select_subclasses(cls: type[Self]) -> DocumentQuerySet[Self]:
        """Return a QuerySet of the documents of this class and of all classes that inherit from it.

        The instances have their own classes. Soft-deleted documents are left out. Use it for
        reading only.
        """
        found: Any = DocumentQuerySet(cls, SubclassesQuery(cls))
        documents: DocumentQuerySet[Self] = found.filter(st_deleted=False)
        return documents

    @classmethod
    def check(cls, **kwargs: Any) -> list[CheckMessage]:
        """Run Django's checks of models, without those about tables."""
        kwargs["databases"] = conf.with_documents(kwargs.get("databases") or ())
        return [found for found in super().check(**kwargs) if found.id not in _OF_TABLES]

    @classmethod
    def document_columns(cls) -> list[values.Field]:
        """Return the columns that SQL selects: uid, rev, and the whole document."""
        fields: list[Any] = [cls._meta.get_field("uid"), cls._meta.get_field("rev")]
        return [*fields, cls.document_column]

    @classmethod
    def from_db(
        cls,
        db: str | None,
        field_names: Iterable[str],
        values: Iterable[Any],
        *,
        fetch_mode: Any = None,
    ) -> Any:
        """Create an instance from the values of :meth:`document_columns` and any after them."""
        uid, rev, body, *_ = values
        # Some backends return JSON as text, others as parsed values.
        document = parse_stored(body) if isinstance(body, str) else body
        instance = cls._made_of(uid, rev, document, body, db)
        if isinstance(rev, str) and rev.startswith(versions.VERSION):
            versions.hide(instance, rev)
        if fetch_mode is not None:
            instance._state.fetch_mode = fetch_mode
        return instance

    @classmethod
    def _made_of(
        cls,
        uid: Any,
        rev: Any,
        document: Mapping[str, Any],
        was: dict[str, Any] | str,
        db: str | None,
    ) -> Any:
        """Return a new instance of the gateway's document."""
        if cls.__init__ is not CouchbaseModel.__init__ or _is_observed(cls):
            return cls(cast("Any", Loaded(uid, rev, document, was, db)))
        # __init__() would set all fields to their defaults, only for them to be replaced here.
        instance = cls.__new__(cls)
        instance._state = ModelState()
        instance._become(uid, rev, document, was, db)
        return instance

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Any:
        """Create an instance from a row, as :meth:`from_sync_gateway_row` takes it."""
        if cls.from_sync_gateway_row is not CouchbaseModel.from_sync_gateway_row:
            instance = cls()
            instance.from_sync_gateway_row(row)
            return instance
        blank = cls.__new__(cls)
        blank._state = ModelState()
        uid, rev, document = blank._of_row(row)
        instance = cls._made_of(uid, rev, document, remembered(document), conf.document_alias())
        instance._hides_expiry = "expires" not in row
        return instance

    @classmethod
    def _plan(cls) -> Plan:
        if "_plan_cache" not in cls.__dict__:
            cls._plan_cache = Plan(cls)
        return cls._plan_cache

    def get_deferred_fields(self) -> set[str]:
        """Return the deferred fields: none, since documents are always loaded whole."""
        return super().get_deferred_fields() - {"rev"}

    # --------------------------------------------------------------- identity

    def is_new(self) -> bool:
        """Return True if the document has no uid yet."""
        return not self.uid

    def get_uid(self) -> str:
        """Return the uid of the document. A document without a uid is given a new one."""
        if not self.uid:
            self.uid = new_uid(self.uid_prefix)
        if not isinstance(self.uid, str):
            raise CouchbaseModelError(f"The uid of a document is a text, not {self.uid!r}")
        return self.uid

    def get_doc_type(self) -> str:
        """Return the ``doc_type`` of the class, by default its name in lower case."""
        return self.type_name()

    # ------------------------------------------------------------- validation

    def clean_fields(self, exclude: Collection[str] | None = None) -> None:
        """Validate and convert the fields, as Django. Unchanged values are not converted."""
        untouched = self._untouched()
        try:
            super().clean_fields(exclude)
        finally:
            for attname, value in untouched.items():
                setattr(self, attname, value)

    # ---------------------------------------------------------------- loading

    def from_sync_gateway_row(self, row: Mapping[str, Any]) -> None:
        """Set all fields from a row of ``all_docs()`` or ``bulk_get()``, or raise its error."""
        self._fill(*self._of_row(row))
        self._hides_expiry = "expires" not in row

    def _of_row(self, row: Mapping[str, Any]) -> tuple[str, str, Mapping[str, Any]]:
        """Return the uid, the revision and the document of a row. Raise its error if it has one, or
        DoesNotExist if the document belongs to another class."""
        if "error" in row:
            raise row_error(self, row)
        document = row["doc"]
        doc_type = document.get(DOC_TYPE)
        if doc_type is not None and doc_type != self.get_doc_type():
            raise missing(
                self,
                row["id"],
                f"Document {shown(row['id'])} is of doc_type {doc_type!r}. It cannot be loaded as "
                f"{type(self).__name__}: the doc_type of that class is {self.get_doc_type()!r}.",
            )
        return row["id"], row["value"]["rev"], document

    def _fill(self, uid: str, rev: str, document: Mapping[str, Any]) -> None:
        """Fill the instance from a document, whatever it was before."""
        self._state.fields_cache.clear()
        self.__dict__.pop("_prefetched_objects_cache", None)
        self._read, self._uploads, self._hides_expiry = {}, {}, False
        self._become(uid, rev, document, remembered(document), conf.document_alias())

    def _become(
        self,
        uid: str,
        rev: str,
        document: Mapping[str, Any],
        was: dict[str, Any] | str,
        db: str | None,
    ) -> None:
        """Fill the instance from a document. ``was`` is the value for ``_was``, and may be the
        document itself."""
        self.uid = uid  # for error messages about the document
        try:
            self._take(document, was is document)
        except RecursionError:
            # JSON that is nested too deeply to be useful is loaded all the same. A merge treats it
            # as new.
            was = {}
            self._take(document, False)
        self.uid, self.rev, self._was = uid, rev, was
        if self._prepared:
            self._prepared = {}
        self._state.adding, self._state.db = False, db

    def _prepare_to_load(self) -> None:
        """Set the state, and all fields to their defaults."""
        self._state = ModelState()
        for field in self._meta.concrete_fields:
            self.__dict__[field.attname] = field.get_default()

    def _take(self, document: Mapping[str, Any], is_kept: bool) -> None:
        """Set all fields from a document. If the document is kept, copy its lists and objects."""
        if type(self).from_dict is DocumentJSON.from_dict:
            self._plan().fill(self, document, is_kept)
        else:
            self._fill_by_from_dict(copied(document) if is_kept else document)

    def _fill_by_from_dict(self, document: Mapping[str, Any]) -> None:
        for field in self._meta.concrete_fields:
            self.__dict__.pop(field.attname, None)
            setattr(self, field.attname, field.get_default())
        self._is_loading = True
        try:
            self.from_dict(document)
        finally:
            del self._is_loading

    async def aload(self, uid: str) -> None:
        """Async version of :meth:`load`."""
        await sync_to_async(self.load)(uid)


def _is_observed(cls: type[models.Model]) -> bool:
    """Return whether Django's signals of new instances have receivers for the class."""
    init, post = signals.pre_init, signals.post_init
    if not init.receivers and not post.receivers:  # asking them takes longer
        return False
    return init.has_listeners(cls) or post.has_listeners(cls)


class CouchbaseNestedModel(CouchbaseModel, base=True):
    """The base class of objects inside a document. They are saved with the document."""

    is_nested = True
    objects: ClassVar[Any] = NoManager()
    all_objects: ClassVar[Any] = NoManager()

    class Meta:
        abstract = True

    def to_dict(self) -> dict[str, Any]:
        """Return the object as a dictionary of JSON values, with its uid, if it has one."""
        document = super().to_dict()
        del document[DOC_TYPE], document["channels"]
        if self.uid or self._state.adding:
            document["uid"] = self.get_uid()
        return document

    def from_dict(self, dict_payload: Mapping[str, Any]) -> None:
        super().from_dict(dict_payload)
        self.uid = self.extra.pop("uid", self.uid)

    def _choose_uid(self, source: str) -> None:
        """Set the uid to one that is computed from a text, so that objects made twice from the same
        text are equal. A class with its own ``get_uid()`` is left alone."""
        if not self.uid and type(self).get_uid is CouchbaseModel.get_uid:
            self.uid = new_uid(self.uid_prefix, source)

    def clean_fields(self, exclude: Any = None) -> None:
        super().clean_fields({*(exclude or ()), "channels"})

    def save(self, *args: Any, **kwargs: Any) -> None:
        raise CouchbaseModelError(
            "this object is not supposed to be saved, it is nested: save its document"
        )

    def load(self, uid: str) -> None:
        raise CouchbaseModelError(
            "this object is not supposed to be loaded, it is nested: load its document. "
            f"{type(self).__name__}() takes its fields by keyword."
        )

    @property
    def prepare_database_save(self) -> Any:
        """Django looks here whether a relation can store an instance."""
        raise AttributeError("a nested object is a value: no relation points to it")
