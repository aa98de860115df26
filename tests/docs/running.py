"""Runs the blocks of a page, in their order and in one namespace."""

from __future__ import annotations

import builtins
import copy
import json
import re
import sys
import unittest
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from doctest import ELLIPSIS, NORMALIZE_WHITESPACE, DocTestParser, DocTestRunner
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import yaml
from django.apps import AppConfig, apps
from django.conf import global_settings
from django.db import ConnectionHandler, connections
from django.db.models import signals as model_signals
from django.dispatch import Signal
from django.template import engines
from django.test import override_settings

from django_cbtools import conf
from django_cbtools import signals as cb_signals
from tests.docs import shell
from tests.docs.blocks import Block, app_of

#: Settings of others, and names that projects' settings have.
OTHER_SETTINGS = {
    "BASE_DIR", "EMAIL_FILE_PATH", "MAILERS", "REST_FRAMEWORK", "SPECTACULAR_SETTINGS", "TASKS",
}  # fmt: skip
#: What is shown and not run.
SHOWN = {"text", "http", "none", "rst"}


class Here(MetaPathFinder, Loader):
    """Any module of a page's app, ``news.views`` as ``news.models``: all of them are one."""

    def __init__(self, app: str) -> None:
        self.app = app
        self.module = ModuleType(f"{app}.models")
        self.module.__package__ = app
        self.package = ModuleType(app)
        self.package.__path__ = []

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        inside = fullname.startswith(f"{self.app}.")
        return ModuleSpec(fullname, self) if inside or fullname == self.app else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self.package if spec.name == self.app else self.module

    def exec_module(self, module: ModuleType) -> None:
        pass


@contextmanager
def _app(here: Here, folder: Path) -> Iterator[None]:
    """The page's app is installed, and forgotten afterwards."""
    (folder / here.app).mkdir(exist_ok=True)
    modules = set(sys.modules)
    sys.meta_path.insert(0, here)
    try:
        import_module(f"{here.app}.models")
        config = type("PageConfig", (AppConfig,), {"path": str(folder / here.app)})
        installed = [*apps.get_app_configs(), config(here.app, here.package)]
        with override_settings(INSTALLED_APPS=installed, BASE_DIR=folder):
            yield
    finally:
        sys.meta_path.remove(here)
        apps.all_models.pop(here.app, None)
        apps.clear_cache()
        for name in set(sys.modules) - modules:
            if name.split(".")[0] == here.app:
                del sys.modules[name]


@contextmanager
def _receivers() -> Iterator[None]:
    """What a page connects to signals of models and documents is disconnected afterwards."""
    found = [*vars(model_signals).values(), *vars(cb_signals).values()]
    kept = [(signal, signal.receivers) for signal in found if isinstance(signal, Signal)]
    for signal, receivers in kept:
        signal.receivers = receivers.copy()
    try:
        yield
    finally:
        for signal, receivers in kept:
            signal.receivers = receivers
            signal.sender_receivers_cache.clear()


class Page:
    """A page that is being run. ``fixture`` gives the fixtures of pytest by their names."""

    def __init__(self, blocks: list[Block], folder: Path, fixture: Callable[[str], Any]) -> None:
        self.blocks = blocks
        self.folder = folder
        self.fixture = fixture
        self.here = Here(app_of(blocks[0].page, blocks) if blocks else "page")
        self.names = vars(self.here.module)
        self.settings = {
            "BASE_DIR": folder,
            "INSTALLED_APPS": [],
            "MIDDLEWARE": [],
            "TEMPLATES": [],
            "DATABASES": {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "x"}},
        }

    def run(self) -> int:
        """Run it, and say how many blocks are not run."""
        left_out = 0
        # Since Django 6.1, a site that sends e-mails has this setting; before, nothing reads it.
        mailer = {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}
        overridden = override_settings(MAILERS={"default": mailer})
        self.names["use_settings"] = lambda **values: overridden.options.update(values)
        with _app(self.here, self.folder), _receivers():
            for block in self.blocks:
                if "not run" in block.comments:
                    assert block.comments["not run"], f"{block.place}: say why it is not run"
                    left_out += 1
                elif block.language not in SHOWN:
                    with override_settings(**overridden.options):
                        self._run(block)
        return left_out

    def _run(self, block: Block) -> None:
        kind = block.language.replace("+", "_").replace("-", "_")
        run = getattr(self, f"_{kind}", None)
        assert run, f"{block.place}: tests cannot run {block.language or 'a block of no language'}"
        file = block.caption.split()[0] if block.caption else ""
        if "." in file:
            target = self.folder / file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.text, "utf-8")
        try:
            run(block)
        except Exception as error:
            raise AssertionError(f"{block.place}: {type(error).__name__}: {error}") from error

    # --------------------------------------------------------------- Python

    def _python(self, block: Block) -> None:
        if "settings" in block.caption:
            self._load_settings(block)
            return
        code = compile("\n" * block.line + block.text, str(block.page), "exec")
        before = dict(self.names)
        expected = block.comments.get("raises")
        try:
            exec(code, self.names)
        except Exception as error:
            raised = {cls.__name__ for cls in type(error).__mro__}
            if expected not in raised:
                raise
        else:
            assert expected is None, f"it does not raise {expected}"
        new = {name: value for name, value in self.names.items() if before.get(name) is not value}
        self._run_tests(new)

    def _run_tests(self, names: dict[str, Any]) -> None:
        for name, value in names.items():
            if getattr(value, "__module__", None) != self.here.module.__name__:
                continue
            if isinstance(value, type) and issubclass(value, unittest.TestCase):
                suite = unittest.defaultTestLoader.loadTestsFromTestCase(value)
                result = unittest.TestResult()
                with ExitStack() as kept:
                    # At its end a TestCase closes connections, and the page is in a transaction.
                    for connection in connections.all():
                        kept.enter_context(mock.patch.object(connection, "close"))
                    suite.run(result)
                for _, trace in [*result.failures, *result.errors]:
                    raise AssertionError(trace)
                assert result.testsRun, f"{name} has no tests"
            elif name.startswith("test_") and callable(value):
                code = value.__code__
                value(*map(self.fixture, code.co_varnames[: code.co_argcount]))

    def _load_settings(self, block: Block) -> None:
        before = dict(self.settings)
        exec("import os\n" + block.text, self.settings)
        for name, value in self.settings.items():
            if name.isupper() and before.get(name) is not value:
                known = hasattr(global_settings, name) or name in conf.DEFAULTS
                assert known or name in OTHER_SETTINGS, f"there is no setting {name}"
                for path in _paths(value):
                    assert _is_there(path), f"{name} names {path}, which is not there"
                self.names[name] = value
        # Django refuses some, such as those without a default.
        assert ConnectionHandler(copy.deepcopy(self.settings["DATABASES"])).settings

    def _pycon(self, block: Block) -> None:
        test = DocTestParser().get_doctest(
            block.text, self.names, block.place, str(block.page), block.line
        )
        said: list[str] = []
        runner = DocTestRunner(optionflags=ELLIPSIS | NORMALIZE_WHITESPACE, verbose=False)
        hook, builtins_hook = sys.displayhook, getattr(builtins, "_", None)
        runner.run(test, out=said.append, clear_globs=False)
        sys.displayhook = hook
        if builtins_hook is not None:
            builtins._ = builtins_hook  # type: ignore[attr-defined]
        self.names.update(test.globs)
        assert not runner.failures, "".join(said)

    # -------------------------------------------------------- other languages

    def _console(self, block: Block) -> None:
        shell.run(block)

    _shell = _bash = _sh = _console

    def _json(self, block: Block) -> None:
        shown = json.loads(block.text)
        if "is" in block.comments:
            found = eval(block.comments["is"], self.names)
            found = json.loads(found if isinstance(found, str) else json.dumps(found))
            assert _alike(shown, found), json.dumps(found, indent=2)

    def _javascript(self, block: Block) -> None:
        from py_mini_racer import MiniRacer

        text = json.dumps(block.text)
        with MiniRacer() as engine:
            engine.eval(
                f"const text = {text};"
                "try { new Function(`return (${text}\\n)`) } catch { new Function(text) }"
            )

    _js = _javascript

    def _html_django(self, block: Block) -> None:
        engines["django"].from_string(block.text)

    def _html(self, block: Block) -> None:
        for script in re.findall(r"<script>(.*?)</script>", block.text, re.DOTALL):
            self._javascript(Block(block.page, block.line, "javascript", script))

    _jinja = _django = _html_django

    def _yaml(self, block: Block) -> None:
        yaml.safe_load(block.text)


def _alike(shown: Any, found: Any) -> bool:
    if isinstance(shown, str) and "..." in shown:
        pattern = ".*".join(map(re.escape, shown.split("...")))
        return shown == "..." or (
            isinstance(found, str) and re.fullmatch(pattern, found, re.DOTALL) is not None
        )
    if isinstance(shown, dict) and isinstance(found, dict):
        return shown.keys() == found.keys() and all(_alike(shown[key], found[key]) for key in shown)
    if isinstance(shown, list) and isinstance(found, list):
        return len(shown) == len(found) and all(map(_alike, shown, found))
    return bool(shown == found)


def _paths(value: Any) -> Iterator[str]:
    """The dotted paths of Django's and the library's in a setting."""
    if isinstance(value, str):
        if re.fullmatch(r"django(_cbtools)?(\.\w+)+", value):
            yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _paths(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _paths(item)


def _is_there(path: str) -> bool:
    """Whether a dotted path leads to a module, or to what is in one."""
    module, _, name = path.rpartition(".")
    try:
        if hasattr(import_module(module), name):
            return True
        return find_spec(path) is not None
    except ImportError:
        return False
