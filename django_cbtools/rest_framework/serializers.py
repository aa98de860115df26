"""Serializers of documents."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, ClassVar

from django.core.files.base import File
from django.db import models
from rest_framework import serializers
from rest_framework.fields import empty
from rest_framework.utils import html
from rest_framework.validators import UniqueValidator

from django_cbtools.models import (
    BlobField,
    CouchbaseModel,
    DictField,
    EmbeddedField,
    ListField,
    SetField,
)
from django_cbtools.models.channels import channels_problem, decide_channels
from django_cbtools.models.fields.arrays import ArrayMembers
from django_cbtools.models.fields.extra import ExtraField
from django_cbtools.models.telling import conflict
from django_cbtools.models.writing.merge import is_same
from django_cbtools.models.writing.versions import reveal

from . import fields
from .attachments import AttachmentSerializer, FileField, ImageField, attachment_name
from .parts import Part, PartsSerializer
from .relations import RelatedField
from .representing import UNREAD, MomentField, Representing
from .showing import plain

#: The arguments that any serializer field accepts. Fields of models may accept more.
_COMMON = frozenset(("read_only", "required", "label", "help_text", "allow_null", "validators"))
#: The style of fields that nobody edits in forms.
_HIDDEN = {"input_type": "hidden", "hide_label": True}
#: The fields that every document has.
_OF_ALL = frozenset(field.name for field in CouchbaseModel._meta.local_fields)


class _Documents(serializers.ListSerializer):
    """A list of documents. The gateway's metadata of all of them are loaded at once."""

    def to_representation(self, data: Any) -> Any:
        documents = data.all() if isinstance(data, models.Manager) else data
        shown = self.child.fields
        if not shown.keys().isdisjoint(("rev", "attachments")) or any(
            isinstance(field, serializers.FileField) for field in shown.values()
        ):
            documents = list(documents)
            reveal(each for each in documents if isinstance(each, CouchbaseModel))
        with self.child.showing_several():
            return super().to_representation(documents)


class DocumentSerializer(Representing):
    """A ModelSerializer whose ``Meta.model`` is a document class.

    Clients may send ``rev``: changing another revision is a conflict. Embedded objects are nested
    serializers, for reading and writing. Members that a client does not send are kept, including
    keys that no field declares. ``attachments`` are links. ``unread`` lists the fields whose values
    cannot be read, and are shown as a phone wrote them; such a value is kept if the client sends it
    back unchanged.
    """

    attachments: Any = AttachmentSerializer(many=True, read_only=True)

    list_class: ClassVar[Any] = _Documents
    serializer_field_mapping: ClassVar[dict[Any, Any]] = {
        **{
            model_field: plain(field)
            for model_field, field in serializers.ModelSerializer.serializer_field_mapping.items()
        },
        models.DateTimeField: MomentField,
        models.JSONField: fields.AnyField,
        models.FileField: FileField,
        models.ImageField: ImageField,
        ListField: fields.ArrayField,
        SetField: fields.ArrayField,
        DictField: fields.ObjectField,
        ExtraField: fields.ExtraField,
        BlobField: fields.BlobField,
    }
    serializer_choice_field = plain(serializers.ModelSerializer.serializer_choice_field)
    serializer_related_field = RelatedField
    serializer_url_field = fields.IdentityField

    #: The fields that responses leave out if they are empty.
    left_out: tuple[str, ...] = ()
    #: The fields that the client has sent back as they are shown, although their values are not
    #: valid.
    _left: frozenset[str] = frozenset()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        meta = cls.__dict__.get("Meta")
        if meta is not None and not hasattr(meta, "list_serializer_class"):
            meta.list_serializer_class = cls.list_class

    @property
    def stored(self) -> Any:
        """The document or nested object that the data change, or None for a new one."""
        return self.instance if isinstance(self.instance, CouchbaseModel) else None

    def shows_attachment(self, document: Any, name: str) -> bool:
        """Return whether answers have a link to the attachment, in ``attachments`` or as a field's
        file."""
        return "attachments" in self.fields or any(
            name == attachment_name(getattr(document, field.source, None))
            for field in self.fields.values()
            if isinstance(field, serializers.FileField)
        )

    # -------------------------------------------------------------------- the fields

    def get_default_field_names(self, declared_fields: Any, model_info: Any) -> Any:
        names = super().get_default_field_names(declared_fields, model_info)
        last = [name for name in ("attachments",) if name in names]
        return [name for name in names if name not in last] + last

    def build_standard_field(self, field_name: str, model_field: Any) -> Any:
        embedded = _embedded(model_field)
        if embedded is not None:
            return self._build_part(field_name, model_field, embedded)
        cls, kwargs = super().build_standard_field(field_name, model_field)
        if issubclass(cls, (fields.ArrayField, fields.ObjectField, fields.BlobField)):
            kwargs = {key: value for key, value in kwargs.items() if key in _COMMON}
        if model_field.name == "channels" and isinstance(model_field, ListField):
            return fields.ChannelsField, kwargs
        if isinstance(model_field, ArrayMembers):
            base = copy.copy(model_field.base_field)
            base.model = self.Meta.model  # which REST framework asks every field for
            child, child_kwargs = self.build_standard_field("child", base)
            kwargs["child"] = child(**child_kwargs)
            kwargs["base_field"] = base
            kwargs["collection"] = model_field.collection
        if model_field.name == "rev":
            return serializers.CharField, {"required": False, "style": _HIDDEN}
        return cls, kwargs

    def _build_part(self, field_name: str, model_field: Any, embedded: Any) -> Any:
        """Return a nested serializer for an object or a list of objects."""
        _, kwargs = super().build_standard_field(field_name, model_field)
        kwargs = {key: value for key, value in kwargs.items() if key in _COMMON}
        # The fields of a nested object are validated one by one. In an update, it need not be
        # complete.
        kwargs.pop("validators", None)
        if embedded is not model_field:
            kwargs |= {"many": True, "allow_empty": model_field.blank}
        return part_serializer(embedded.nested_model), kwargs

    # ---------------------------------------------------------------- what is sent

    @property
    def _writable_fields(self) -> Any:
        for field in super()._writable_fields:
            if field.field_name not in self._left:
                yield field

    def to_internal_value(self, data: Any) -> Any:
        stored = self.stored
        if stored is None or not isinstance(data, Mapping):
            return super().to_internal_value(data)
        shown = self.to_representation(stored)
        names = shown.get(UNREAD, ())
        self._left = _same(names, data, shown)
        if html.is_html_input(data):
            # A form shows the value as text, or not at all.
            self._left |= {name for name in names if data.get(name) in ("", str(shown[name]))}
        try:
            found = super().to_internal_value(data)
        except serializers.ValidationError as error:
            # Stored values that cannot be sent: a choice that no longer exists, a relation to an
            # object that is gone, the link to a file.
            left = _same(error.detail, data, shown)
            if not left:
                raise
            self._left |= left
            found = super().to_internal_value(data)
        finally:
            self._left = frozenset()
        self._keep(_same(self.fields, data, shown), found)
        return found

    def _keep(self, names: Iterable[str], values: dict[str, Any]) -> None:
        """Replace values that were sent as they are shown by the stored values. Their JSON then
        stays unchanged: responses may show a time in another zone, or fewer digits of a number."""
        attributes = {stored.attname for stored in type(self.stored)._stored_fields()}
        for name in names:
            field = self.fields[name]
            if field.source not in attributes & values.keys() or isinstance(
                field, (serializers.BaseSerializer, serializers.FileField)
            ):
                continue
            if not hasattr(self, f"validate_{name}"):  # the site's own method decides
                values[field.source] = getattr(self.stored, field.source)

    # --------------------------------------------------------------------- writing

    def create(self, validated_data: dict[str, Any]) -> Any:
        model: Any = self.Meta.model
        values = {key: value for key, value in validated_data.items() if key != "rev"}
        document = model()
        self.assign(document, values)
        decide_channels(document)
        problem = channels_problem(document.channels, model)
        if problem is not None:
            raise serializers.ValidationError({"channels": problem.messages})
        document.save(force_insert=True)
        return document

    def update(self, instance: Any, validated_data: dict[str, Any]) -> Any:
        """Change the document, and save it if anything has changed."""
        values = dict(validated_data)
        rev = values.pop("rev", None)
        if rev is not None and rev != instance.rev:
            reason = f"it is at revision {instance.rev}, and the change is of {rev}"
            raise conflict(type(instance), instance.uid, reason)
        before = instance.to_dict()
        self.assign(instance, values)
        is_file = any(isinstance(value, File) for value in values.values())
        if is_file or not is_same(before, instance.to_dict()):
            instance.save()
        return instance

    def assign(self, instance: Any, values: Mapping[str, Any]) -> None:
        """Set attributes, including nested objects, to validated values."""
        by_source = {field.source: field for field in self.fields.values()}
        for name, value in values.items():
            field = by_source.get(name)
            if isinstance(field, PartSerializer) and isinstance(value, Mapping):
                value = field.made_of(value)
            elif isinstance(field, PartsSerializer) and isinstance(value, list):
                made = field.child.made_of
                value = [made(item) if isinstance(item, Mapping) else item for item in value]
            setattr(instance, name, value)


class PartSerializer(DocumentSerializer):
    """A serializer of an object in a document. Its ``Meta.model`` is a CouchbaseNestedModel.

    DocumentSerializer creates one for each embedded field. Declare your own as any nested
    serializer: ``rows = RowSerializer(many=True)``.
    """

    attachments = None
    list_class = PartsSerializer
    left_out = ("uid", "extra")

    uid = serializers.CharField(required=False, max_length=300, style=_HIDDEN)

    #: True if the serializer is nested in one of its own class. Code that walks through all fields
    #: stops here.
    is_recurring = False
    style: dict[str, Any]

    def bind(self, field_name: str, parent: Any) -> None:
        super().bind(field_name, parent)
        while parent is not None and not self.is_recurring:
            self.is_recurring = isinstance(parent, type(self))
            parent = parent.parent
        if self.is_recurring:
            self.style = {**self.style, "base_template": "list_field.html"}

    def get_initial(self) -> Any:
        return {} if self.is_recurring else super().get_initial()

    def get_value(self, dictionary: Any) -> Any:
        value = super().get_value(dictionary)
        if html.is_html_input(dictionary) and isinstance(value, Mapping):
            # A form has inputs for an object's fields, whether or not there is an object.
            return value if any(value.values()) else empty
        return value

    @property
    def stored(self) -> Any:
        owner = getattr(self.parent, "stored", None)
        if not isinstance(self.parent, PartsSerializer):
            owner = getattr(owner, self.source, None) if self.source else None
        return owner if isinstance(owner, self.Meta.model) else None

    def get_field_names(self, declared_fields: Any, info: Any) -> Any:
        if getattr(self.Meta, "fields", None) != serializers.ALL_FIELDS:
            return super().get_field_names(declared_fields, info)
        names = [*declared_fields, *info.fields, *info.forward_relations, "extra"]
        return [name for name in dict.fromkeys(names) if name not in _OF_ALL - {"uid", "extra"}]

    def build_standard_field(self, field_name: str, model_field: Any) -> Any:
        cls, kwargs = super().build_standard_field(field_name, model_field)
        validators = kwargs.get("validators")
        if validators is not None:  # parts cannot be queried
            kwargs["validators"] = [
                each for each in validators if not isinstance(each, UniqueValidator)
            ]
        return cls, kwargs

    def get_unique_together_validators(self) -> list[Any]:
        return []

    def get_unique_for_date_validators(self) -> list[Any]:
        return []

    def to_representation(self, instance: Any) -> Any:
        answer = super().to_representation(instance)
        if isinstance(instance, CouchbaseModel):
            for name in self.left_out:
                if not answer.get(name):
                    answer.pop(name, None)
        return answer

    def to_internal_value(self, data: Any) -> Part:
        stored = self.stored
        part = Part(super().to_internal_value(data))
        part.stored = stored
        if stored is None and getattr(self.root, "partial", False):
            self._require(data)
        return part

    def _require(self, data: Any) -> None:
        """Check that a new object is complete, even in a partial update of the document."""
        errors = {
            field.field_name: [field.error_messages["required"]]
            for field in self._writable_fields
            if field.required and field.field_name not in data
        }
        if errors:
            raise serializers.ValidationError(errors, code="required")

    def made_of(self, part: Mapping[str, Any]) -> Any:
        """Return the object for validated data. Attributes of a stored object that are not in the
        data stay."""
        stored = getattr(part, "stored", None)
        instance = self.Meta.model() if stored is None else copy.copy(stored)
        self.assign(instance, part)
        return instance


def _same(names: Iterable[str], sent: Mapping[str, Any], shown: dict[str, Any]) -> frozenset[str]:
    """Return the names whose sent value is the same as the shown one."""
    return frozenset(
        name for name in names if name in sent and is_same(shown.get(name), sent[name])
    )


def _embedded(model_field: Any) -> Any:
    """Return the field of the nested objects in a model field, or None if it has none."""
    field = model_field.base_field if isinstance(model_field, ArrayMembers) else model_field
    return field if isinstance(field, EmbeddedField) else None


@cache
def part_serializer(model: Any) -> Any:
    """Return a serializer class for the objects of a nested model."""
    meta = type("Meta", (), {"model": model, "fields": serializers.ALL_FIELDS})
    return type(f"{model.__name__}Serializer", (PartSerializer,), {"Meta": meta})
