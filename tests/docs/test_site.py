"""The documentation as Sphinx builds it: nothing to warn of, and nothing left out."""

from __future__ import annotations

import inspect
import os
import pickle
import pkgutil
import re
import subprocess
import sys
from importlib import import_module

import pytest
from django.db.models.signals import ModelSignal

import django_cbtools
from django_cbtools import conf, exceptions, signals
from tests.docs.blocks import DOCS, PAGES, ROOT, read

#: Packages whose names are for the library itself, though they have an ``__all__``.
INTERNAL = (
    "django_cbtools.checks", "django_cbtools.cluster", "django_cbtools.contrib.auth.forms",
    "django_cbtools.embedded", "django_cbtools.form_fields", "django_cbtools.management",
    "django_cbtools.models.fields", "django_cbtools.query_service", "django_cbtools.view_shapes",
    "django_cbtools.backends", "django_cbtools.sync_gateway.calls",
    "django_cbtools.contrib.tasks.api",
)  # fmt: skip
#: What 1.x had, which all remains.
OLD = {
    "django_cbtools.models": """CHANNEL_PUBLIC CouchbaseModel CouchbaseModelError
        CouchbaseNestedModel dt2ts get_stale load_objects load_objects_dict load_related_objects
        parse_view_name query_objects query_view st2dt try_else_return_none_obj""",
    "django_cbtools.models.CouchbaseModel": """append_channel append_to_references_list
        clear_channels delete delete_from_references_list from_dict from_dict_nested from_json
        from_sync_gateway_row get_doc_type get_references_list get_uid is_new load save to_dict
        to_dict_nested to_json""",
    "django_cbtools.sync_gateway.SyncGateway": """all_docs append_channels change_username
        create_session delete_document delete_user get_auth get_user get_users put_admin_user
        put_guest_user put_user remove_channels save_document save_json""",
    "django_cbtools.sync_gateway": "SyncGateway SyncGatewayException SyncGatewayConflict",
    "django_cbtools.tests": "clean_buckets",
    "django_cbtools.views": """CBCreateView CBDeleteView CBDetailView CBFormView CBListView
        CBUpdateView""",
}


def _build(folder):
    """Build the pages as ``make docs`` does; what Sphinx knows of them then. A warning fails.

    In a process of its own: Sphinx sets Django up.
    """
    environment = {**os.environ, "PYTHONWARNINGS": ""}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    options = ["-W", "-n", "--keep-going", "-q", "-d", folder / "doctrees"]
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *options, DOCS, folder / "html"],
        cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    known = pickle.loads((folder / "doctrees" / "environment.pickle").read_bytes())
    return known.domaindata


def test_site(tmp_path):
    """One test, so that the pages are built once, however tests are shared out to processes."""
    known = _build(tmp_path)
    described = {}
    for kind, name in known["std"]["objects"]:
        described.setdefault(kind, set()).add(name)
    assert described["setting"] == set(conf.DEFAULTS)
    assert described["check"] == _ids_of_checks()
    assert described["manage"] == _commands()
    names = set(known["py"]["objects"])
    assert _signals_and_exceptions() <= names
    assert not [name for name, others in _public_names() if not {name, *others} & names]
    assert not set(_old_names()) - names - _imported_exceptions(names)


def test_each_setting_has_an_example():
    examples = "".join(block.text for block in read(DOCS / "settings.rst"))
    assert set(re.findall(r"^(\w+) = ", examples, re.MULTILINE)) >= set(conf.DEFAULTS)


def _ids_of_checks():
    sources = (path.read_text("utf-8") for path in (ROOT / "django_cbtools").rglob("*.py"))
    return set(re.findall(r'id="(cbtools\.[EW]\d{3})"', "".join(sources)))


def _commands():
    return {
        path.stem
        for path in (ROOT / "django_cbtools").rglob("management/commands/*.py")
        if not path.stem.startswith("_")
    }


def _signals_and_exceptions():
    return {
        f"{module.__name__}.{name}"
        for module in (exceptions, signals)
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (
            isinstance(value, ModelSignal)
            or (inspect.isclass(value) and value.__module__ == exceptions.__name__)
        )
    }


def _public_modules():
    for module in pkgutil.walk_packages(django_cbtools.__path__, "django_cbtools."):
        if not module.name.startswith(INTERNAL) and ".migrations" not in module.name:
            path = ROOT / f"{module.name.replace('.', '/')}.py"
            path = path if path.exists() else path.with_suffix("") / "__init__.py"
            if re.search(r"^__all__ = ", path.read_text("utf-8"), re.MULTILINE):
                yield module.name


def _public_names():
    """Each name in an ``__all__``, and under which others the reference may have it."""
    for module in _public_modules():
        public = import_module(module)
        for name in public.__all__:
            others = [f"{getattr(getattr(public, name), '__module__', '')}.{name}"]
            if hasattr(public, name[1:]):  # with an a in front, it is for async code
                others.append(f"{module}.{name[1:]}")
            yield f"{module}.{name}", others


def _old_names():
    for owner, names in OLD.items():
        for name in names.split():
            yield f"{owner}.{name}"


def _imported_exceptions(names):
    """The exceptions, as they can be imported from where they are used."""
    return {
        f"django_cbtools.{module}.{name.rpartition('.')[2]}"
        for name in names
        if name.startswith("django_cbtools.exceptions.")
        for module in ("models", "sync_gateway")
    }


# ------------------------------------------------------------ what pages name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_is_named_is_there(page):
    text = page.read_text("utf-8")
    for name in re.findall(r"(?:``|~|`)(django_cbtools(?:\.\w+)+)(?:\(\))?`", text):
        assert _resolves(name), f"{page.name}: there is no {name}"
    folders = "benchmarks|django_cbtools|docs|example_project|tests"
    for file in re.findall(rf"``((?:{folders})/[\w./-]+)``", text):
        places = [ROOT / file, ROOT / "django_cbtools" / "templates" / file]
        assert any(place.exists() for place in places), f"{page.name}: there is no {file}"
    for link in re.findall(r"`[^`]*<([^`>:]+)>`_", text):
        assert (page.parent / link.partition("#")[0]).exists(), f"{page.name}: no {link}"


def _resolves(name):
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        try:
            found = import_module(".".join(parts[:end]))
        except ImportError:
            continue
        for attribute in parts[end:]:
            if not hasattr(found, attribute):
                return False
            found = getattr(found, attribute)
        return True
    return False
