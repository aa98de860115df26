"""The site of docs/phones.rst and its phone: made of what the page says, and run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import django
import pytest

from tests.gateway.pouchdb.phones import FOLDER

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "phones.rst").read_text("utf-8")
FILE = re.compile(
    r"^\.\. code-block:: \w+\n    :caption: (\S+)(?: (\w+) Django 6.1)?\n\n((?:    .*\n|\n)+)",
    re.MULTILINE,
)
MANAGER = """
import html
import re
from django.contrib.auth.models import User
from django.test import Client
from django.test.utils import setup_test_environment

setup_test_environment()
client = Client()
client.force_login(User.objects.get())
[change] = set(re.findall(r'href="([^"]*insp[^"]*/change/)"',
                          client.get("/admin/inspections/cbinspection/").text))
page = client.get(change).text
[photo] = re.findall(r'<img src="([^"]+roof.gif)"', page)
answer = client.get(html.unescape(photo))
assert answer["Content-Type"] == "image/gif"
assert b"".join(answer).startswith(b"GIF87a")
form = client.get(change).context["adminform"].form
values = {field.html_name: field.value() for field in form}
answer = client.post(change, {**values, "is_approved": "on"})
assert answer.status_code == 302, answer.text
"""


class Site:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._env = {
            **os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error",
            "PYTHONUNBUFFERED": "1", "DJANGO_SUPERUSER_PASSWORD": "secret",
            "NODE_PATH": str(FOLDER / "node_modules"),
        }  # fmt: skip
        self._env.pop("DJANGO_SETTINGS_MODULE", None)

    def start(self, *command: str, **env: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command, cwd=self.folder, env={**self._env, **env}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def run(self, *command: str, **env: str) -> str:
        with self.start(*command, **env) as process:
            said, _ = process.communicate()
        assert process.returncode == 0, said
        return said

    def manage(self, *command: str) -> str:
        return self.run(sys.executable, "manage.py", *command)


@pytest.fixture
def site(tmp_path):
    """The site as the page makes it, up to the gateway."""
    site = Site(tmp_path)
    site.run(sys.executable, "-m", "django", "startproject", "inspecting", ".")
    site.manage("startapp", "inspections")
    other = "before" if django.VERSION >= (6, 1) else "since"
    for name, version, text in FILE.findall(PAGE):
        if version == other:
            continue
        mode = "a" if name.endswith("settings.py") else "w"
        with (tmp_path / name).open(mode, encoding="utf-8") as file:
            file.write(textwrap.dedent(text))
    site.manage("migrate")
    site.manage("create_sg_users")
    site.manage(
        "createsuperuser", "--username", "manager", "--email", "manager@example.com", "--noinput"
    )
    [user] = re.findall(r'shell -c "\n((?:    .*\n)+?)    \$ python', PAGE)
    site.manage("shell", "-v", "0", "-c", textwrap.dedent(user).strip().removesuffix('"'))
    script = site.manage("findstatic", "--first", "-v", "0", "django_cbtools/sync_gateway_fetch.js")
    (tmp_path / "sync_gateway_fetch.js").write_bytes(Path(script.strip()).read_bytes())
    return site


@pytest.fixture
def gateway(site):
    """The address of the site's database, which a process of its own serves."""
    ports = ["--port", "0", "--admin-port", "0"]
    with site.start(sys.executable, "manage.py", "run_sync_gateway", *ports) as process:
        yield next(
            found[1]
            for line in process.stdout
            if (found := re.match(r"Public API: (\S+)/\n", line))
        )
        process.terminate()
        process.communicate()


def test_site_and_phone(packages, site, gateway):
    assert gateway.endswith("/inspecting")
    assert site.run("node", "phone.js", GATEWAY=gateway) == "pushed\n"
    site.manage("follow_sg_changes", "--once")
    mails = [path.read_text() for path in (site.folder / "mails").iterdir()]
    assert len(mails) == 1
    assert "\nThe roof leaks: roof.gif\n" in mails[0]
    site.manage("shell", "-v", "0", "-c", MANAGER)
    assert site.run("node", "phone.js", GATEWAY=gateway) == "The roof leaks: approved\n"
    # A change that the site has written itself is no news.
    site.manage("follow_sg_changes", "--once")
    assert len(list((site.folder / "mails").iterdir())) == 1
