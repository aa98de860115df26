"""Pages of the admin, as a browser sends them back."""

from __future__ import annotations


def filled(page):
    """What a page's forms have, the inlines' included."""
    forms = [page.context["adminform"].form]
    for formset in page.context["inline_admin_formsets"]:
        forms += [formset.formset.management_form, *formset.formset]
    return {
        field.html_name: "" if field.value() is None else field.value()
        for form in forms
        for field in form
    }
