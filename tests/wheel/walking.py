"""A newcomer, who does what a page says and nothing else, in an empty folder."""

from __future__ import annotations

import http.cookiejar
import json
import os
import re
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from tests.ports import free_ports

from .pages import Step

#: What is made up anew each time: a page may show any, and has to show the same one again.
PATTERNS = {
    "uid": r"\b[a-z]{2,4}_[2-9A-HJ-NP-Za-km-z]{22}\b",
    "rev": r"\b\d+-[0-9a-f]{32}\b",
    "version": r"\b[0-9a-f]{16}@[\w+/]{22}",
    "time": r"\b20\d\d-\d\d-\d\dT[0-9:.]+(?:\+00:00|Z)",
    "session": r"\b[0-9a-f]{40}\b",
    "seconds": r"\b\d+\.\d+s\b",
}
MADE_UP = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in PATTERNS.items()))
SERVERS = {"runserver": 8000, "run_sync_gateway": 4984}
#: Run by the site's own shell: each line is an example of the page, each answer what it prints.
SHELL = """
import contextlib, io, json, sys, traceback
names = {"__name__": "__console__"}
for line in sys.stdin:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        try:
            exec(compile(json.loads(line), "<page>", "single"), names)
        except Exception as error:
            print("Traceback (most recent call last):\\n  ...")
            print(traceback.format_exception_only(error)[0], end="")  # the notes follow
    print(json.dumps(printed.getvalue()), flush=True)
"""


class Newcomer:
    def __init__(self, folder: Path, python: Path) -> None:
        self.folder, self.python = folder, python
        self._known: dict[str, str] = {}
        self._ports = dict(zip(SERVERS.values(), free_ports(len(SERVERS)), strict=True))
        self._running: list[subprocess.Popen[str]] = []
        self._shell: subprocess.Popen[str] | None = None
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._browser = urllib.request.build_opener(cookies)
        hidden = ("PYTHON", "DJANGO_", "VIRTUAL_ENV")
        self._environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith(hidden)},
            "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONWARNINGS": "error",
            "PYTHONUNBUFFERED": "1",
            "DJANGO_SUPERUSER_PASSWORD": "secret",
        }

    def walk(self, step: Step) -> None:
        """Raises AssertionError where something else happens than the page says."""
        getattr(self, f"_{step.kind}")(step)

    def end(self) -> None:
        """End what is running, each by its own id."""
        for process in self._running:
            process.terminate()
            process.communicate()

    def _file(self, step: Step) -> None:
        path = self.folder / step.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(step.text, "utf-8")

    def _append(self, step: Step) -> None:
        with (self.folder / step.path).open("a", encoding="utf-8") as file:
            file.write(step.text)

    def _console(self, step: Step) -> None:
        command = self._mine(step.text).strip()
        if command.startswith(("python -m venv", ". venv/", "pip install")):
            return  # done already, with the wheel
        if command == "python manage.py shell":
            self._start_shell()
        elif server := next((name for name in SERVERS if f"manage.py {name}" in command), None):
            self._serve(server)
        else:
            if "createsuperuser" in command:
                command += " --noinput"  # what it would ask for is in the environment
            self._compare(step, self._run(command))

    def _run(self, command: str) -> str:
        done = subprocess.run(
            ["bash", "-c", command], cwd=self.folder, env=self._environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout}"
        return done.stdout

    def _serve(self, name: str) -> None:
        port = self._ports[SERVERS[name]]
        options = {
            "runserver": ["--noreload", f"127.0.0.1:{port}"],
            "run_sync_gateway": ["--port", f"{port}", "--admin-port", "0"],
        }[name]
        process = self._start("manage.py", name, *options)
        while process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                return
            except OSError:
                time.sleep(0.05)
        raise AssertionError(process.communicate()[0])

    def _start(self, *command: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [self.python, *command], cwd=self.folder, env=self._environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self._running.append(process)
        return process

    def _start_shell(self) -> None:
        self._shell = self._start("manage.py", "shell", "-v", "0", "-c", SHELL)

    def _pycon(self, step: Step) -> None:
        assert self._shell, "The page starts no shell."
        assert self._shell.stdin
        assert self._shell.stdout
        self._shell.stdin.write(json.dumps(self._mine(step.text)) + "\n")
        self._shell.stdin.flush()
        answer = self._shell.stdout.readline()
        assert answer.startswith('"'), answer + self._shell.communicate()[0]
        self._compare(step, json.loads(answer), exactly=True)

    def _hint(self, step: Step) -> None:
        kind, url, *rest = step.text.split(" ", 2)
        wanted = rest[0] if rest else ""
        getattr(self, f"_visit_{kind}")(self._mine(url), wanted)

    def _visit_page(self, url: str, text: str) -> None:
        assert text in self._get(url)

    def _visit_form(self, url: str, entered: str) -> None:
        self._send(url, dict(part.split("=", 1) for part in entered.split(" & ")))

    def _visit_login(self, url: str, wanted: str) -> None:
        text, _, page = wanted.partition(" at ")
        self._send(url, {"username": "admin", "password": "secret"})
        self._visit_page(urllib.parse.urljoin(url, page), text)

    def _get(self, url: str, data: bytes | None = None) -> str:
        with self._browser.open(url, data) as answer:
            self._address = answer.url
            text: str = answer.read().decode()
        return text

    def _send(self, url: str, entered: dict[str, Any]) -> None:
        """Fill in the form of a page and send it, with what is in its hidden fields."""
        page = self._get(url)
        fields = {}
        for tag in re.findall(r"<input[^>]*type=\"hidden\"[^>]*>", page):
            name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
            if name:
                fields[name[1]] = value[1] if value else ""
        address = self._address
        self._get(address, urllib.parse.urlencode({**fields, **entered}).encode())
        assert self._address != address, "The form came back."

    def _mine(self, text: str) -> str:
        """What a page says, with the names and ports that are this newcomer's."""
        for port, mine in self._ports.items():
            text = re.sub(rf"(127\.0\.0\.1|localhost):{port}\b", rf"\g<1>:{mine}", text)
        return MADE_UP.sub(lambda found: self._known.get(found[0], found[0]), text)

    def _compare(self, step: Step, printed: str, *, exactly: bool = False) -> None:
        shown = step.shown.rstrip()
        if not shown and not exactly:
            return
        pattern, position, new = "", 0, []
        shown = self._mine(shown)
        mine = set(self._known.values())
        for found in MADE_UP.finditer(shown):
            pattern += re.escape(shown[position : found.start()])
            position = found.end()
            if found[0] in mine:
                pattern += re.escape(found[0])
            elif found[0] in new:
                pattern += f"(?P=g{new.index(found[0])})"
            else:
                pattern += f"(?P<g{len(new)}>{PATTERNS[str(found.lastgroup)]})"
                new.append(found[0])
        pattern += re.escape(shown[position:])
        matched = re.fullmatch(pattern, printed.rstrip())
        assert matched, f"{step.text}\nThe page shows:\n{shown}\n\nIt is:\n{printed}"
        for index, name in enumerate(new):
            self._known[name] = matched[f"g{index}"]
