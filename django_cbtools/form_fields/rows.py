"""The formset of a list's elements."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.core.exceptions import ValidationError
from django.forms.formsets import INITIAL_FORM_COUNT, BaseFormSet
from django.utils.functional import cached_property

from .locating import is_located, located
from .subforms import ELEMENT, from_json
from .surroundings import Surroundings
from .unread import lines

#: The name of the input with the JSON of elements that have no form.
REST = "REST"


class Unsent:
    """A stand-in for the form of an element for which nothing was sent, not even its removal."""

    is_bound = is_removed = False
    is_there = True

    def __init__(self, source: int, element: Any) -> None:
        self.source, self.element, self.order = source, element, source + 1

    def is_valid(self) -> bool:
        return True

    def has_changed(self) -> bool:
        return False

    def value(self) -> Any:
        return self.element


class Rows(BaseFormSet):  # type: ignore[type-arg]
    """A formset of a list's elements, and of blank ones.

    Each form names its element, by the element's uid or by a digest of its JSON. So the parts of an
    element that have no input stay with it, even if it is moved or a phone has changed the list
    meanwhile. Elements for which a page has no room are edited together as one JSON text.
    """

    can_delete = can_delete_extra = can_order = True
    validate_min = validate_max = edit_only = False
    min_num = 0
    max_num = absolute_max = 100_000  # only forms that were sent are made

    def __init__(
        self,
        field: Any,
        elements: Sequence[Any],
        surroundings: Surroundings,
        *,
        renderer: Any,
        **kwargs: Any,
    ) -> None:
        self.field, self.elements, self.surroundings = field, list(elements), surroundings
        self.extra, self.renderer = field.extra, renderer
        super().__init__(**kwargs)

    # ------------------------------------------------------------------------ forms

    def total_form_count(self) -> int:
        if not self.is_bound:
            return len(self.forms)
        # Each form sends at least one field.
        return min(super().total_form_count(), len(self.data))

    def initial_form_count(self) -> int:
        return super().initial_form_count() if self.is_bound else self.shown

    @cached_property
    def forms(self) -> list[Any]:
        found = self._sent_forms() if self.is_bound else self._first_forms()
        for number, form in enumerate(found, 1):
            form.number = number
        return found

    def _first_forms(self) -> list[Any]:
        found: list[Any] = []
        budget = self.surroundings.budget
        for i in range(len(self.elements)):
            form = self._form(i, i, replace(self.surroundings, budget=budget))
            budget -= form.number_of_inputs()
            if found and budget < 0:
                break
            found.append(form)
        self.shown = len(found)
        blank = 0 if self.field.disabled else self.extra
        return found + [
            self._form(i, None, self.surroundings) for i in range(self.shown, self.shown + blank)
        ]

    def _sent_forms(self) -> list[Any]:
        sent = {
            i: self.data[key]
            for i in range(self.total_form_count())
            if (key := f"{self.add_prefix(i)}-{ELEMENT}") in self.data
        }
        sources = matched(list(sent.values()), self.elements[: self.shown], self.field.as_json)
        return [
            self._form(i, source, self.surroundings)
            for i, source in zip(sent, sources, strict=True)
        ]

    @cached_property
    def shown(self) -> int:
        """Return the number of elements that have forms."""
        if not self.is_bound:
            return len(self.elements)
        if self.rest_name not in self.data:
            return len(self.elements)
        count = self.management_form.cleaned_data[INITIAL_FORM_COUNT] or 0
        return max(0, min(count, len(self.elements)))

    @property
    def empty_form(self) -> Any:
        return self._form("__row__", None, self.surroundings)

    def _form(self, i: int | str, source: int | None, around: Surroundings) -> Any:
        is_there = source is not None
        element = self.elements[source] if source is not None else None
        form = self.field.form_of(
            element,
            is_there,
            surroundings=around if is_there else replace(around, blank=around.blank + 1),
            data=self.data if self.is_bound and i != "__row__" else None,
            files=self.files if self.is_bound and i != "__row__" else None,
            auto_id=self.auto_id,
            prefix=self.add_prefix(i),
            empty_permitted=True,
            use_required_attribute=False,
            error_class=self.error_class,
            renderer=self.renderer,
        )
        form.source = source
        form.mark("" if source is None else token(source, element, self.field.as_json), True)
        if self.field.can_order:
            form.mark_order(None if source is None else source + 1)
        return form

    # ------------------------------------------------------------------------- rest

    @property
    def rest_name(self) -> str:
        return f"{self.prefix}-{REST}"

    @cached_property
    def rest_was(self) -> str:
        """The JSON text of the elements that have no forms."""
        self.forms  # noqa: B018 - it says how many have
        rest = self.elements[self.shown :]
        return json.dumps([self.field.as_json(each) for each in rest], ensure_ascii=False, indent=1)

    @property
    def rest(self) -> str | None:
        """The JSON text of the elements that have no form, or None if all have one."""
        if self.is_bound:
            found: str | None = self.data.get(self.rest_name)
            return found
        return self.rest_was if len(self.elements) > self.shown else None

    @cached_property
    def _rest_now(self) -> list[Any]:
        if self.rest is None:
            return []
        if lines(self.rest) == lines(self.rest_was):
            return self.elements[self.shown :]
        found: list[Any] = from_json(self.field.field, self.rest)
        return found

    def clean(self) -> None:
        self.field.check_forms(self._kept())
        self._rest_now  # noqa: B018 - it raises what is wrong with it

    # ----------------------------------------------------------------- what was sent

    def _should_delete_form(self, form: Any) -> bool:
        return bool(form.is_removed)

    def _kept(self) -> list[Any]:
        """Return the forms of the present elements, in their order. Elements that were not sent are
        kept."""
        sent = {form.source for form in self.forms}
        unsent = [
            Unsent(i, element)
            for i, element in enumerate(self.elements[: self.shown])
            if i not in sent
        ]
        kept = [
            form
            for form in self.forms
            if not form.is_removed and (form.is_there or form.has_changed())
        ]
        return sorted([*kept, *unsent], key=_place)

    def has_changed(self) -> bool:
        kept = self._kept()
        return (
            any(form.has_changed() for form in kept)
            or [form.source for form in kept] != list(range(self.shown))
            or (self.rest is not None and lines(self.rest) != lines(self.rest_was))
        )

    def value(self) -> list[Any]:
        """Return the list with its changes. The forms must be valid."""
        return [form.value() for form in self._kept()] + self._rest_now

    def located_errors(self, name: str) -> list[ValidationError]:
        """Return the errors, with their positions."""
        found = [located(name, each) for each in self.non_form_errors().as_data()]
        for i, form in enumerate(self.forms):
            if not form.is_removed:
                found += [located(name, located(i, each)) for each in form_errors(form)]
        return found

    def number_of_inputs(self) -> int:
        count: int = 4 + sum(form.number_of_inputs() for form in self.forms)
        return count


def form_errors(form: Any) -> list[ValidationError]:
    """Return the errors of a form, by field."""
    return [
        each if name == "__all__" or is_located(each) else located(name, each)
        for name, errors in form.errors.as_data().items()
        for each in errors
    ]


def _place(form: Any) -> tuple[float, int]:
    """Return the sort key of a form's element. An element that moves forward to a taken number goes
    before the other one."""
    order, was = form.order, form.source
    if order is None:
        return (math.inf, 0)
    if was is None:
        return (order, 1)
    return (order, (order > was + 1) - (order < was + 1))


# --------------------------------------------------------------------- which element


def token(place: int, element: Any, as_json: Any) -> str:
    """Return a string that identifies an element: its place, and a digest of its uid or its
    JSON."""
    return f"{place}.{_digest(element, as_json)}"


def _digest(element: Any, as_json: Any) -> str:
    uid = getattr(element, "uid", None)
    kind = "u" if uid else "j"
    text = str(uid) if uid else json.dumps(as_json(element), sort_keys=True)
    return kind + hashlib.blake2b(text.encode(errors="replace"), digest_size=9).hexdigest()


def matched(tokens: Sequence[str], elements: Sequence[Any], as_json: Any) -> list[int | None]:
    """Return the places of the elements that tokens refer to. None if an element no longer exists.

    The token of an element without a uid that has changed since refers to the element at its place.
    """
    digests = [_digest(element, as_json) for element in elements]
    free: dict[str, list[int]] = {}
    for i, digest in enumerate(digests):
        free.setdefault(digest, []).append(i)
    found: list[int | None] = [None] * len(tokens)
    parsed = [_parsed(each) for each in tokens]
    for is_in_place in (True, False):
        for i, (place, digest) in enumerate(parsed):
            places = free.get(digest, [])
            if found[i] is None and places and (place in places or not is_in_place):
                chosen = place if place in places else places[0]
                places.remove(chosen)
                found[i] = chosen
    left = {i for places in free.values() for i in places}
    for i, (place, digest) in enumerate(parsed):
        if found[i] is None and place in left and digest[:1] == digests[place][:1] == "j":
            found[i] = place
            left.remove(place)
    return found


def _parsed(text: str) -> tuple[int, str]:
    place, _, digest = text.partition(".")
    return (int(place) if place.isdecimal() and len(place) < 10 else -1), digest
