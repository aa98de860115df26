"""Lists of nested objects in the admin, in a browser as wide as a phone."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model

from django_cbtools.sync_gateway import SyncGateway
from tests.forms.rooms import CHANGE, Window
from tests.gateway.hostile import chromium

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.forms.rooms")]

PAYMENTS = [
    {"amount": "1", "x": 1},
    {"amount": "2", "x": 2, "lines": [{"count": 1, "y": 1}, {"count": 2, "y": 2}]},
    {"amount": "<b>three", "at": "nonsense"},
]


@pytest.fixture
def boss(client, settings):
    settings.STATIC_URL = "/static/"
    client.force_login(get_user_model().objects.create_superuser("boss"))
    return client


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    program = chromium.find()
    if program is None:
        pytest.skip("Chromium is not installed")
    window = Window(program, tmp_path_factory.mktemp("browser"))
    yield window
    window.close()


@pytest.fixture
def window(browser):
    browser.scripts(True)
    return browser


def stored():
    return SyncGateway.all_docs(["a"])["rows"][0]["doc"]["payments"]


def opened(boss, window):
    SyncGateway.save_json(
        "a", {"doc_type": "arrays_customer", "channels": ["c"], "payments": PAYMENTS}
    )
    window.open(boss.get(CHANGE).rendered_content)
    assert window.run("document.documentElement.scrollWidth") == 390


def saved(boss, window):
    response = boss.post(CHANGE, window.sent("customer_form"))
    assert response.status_code == 302, response.context["errors"]
    return stored()


def test_with_the_script(boss, window):
    opened(boss, window)
    row = "document.querySelectorAll('#id_payments > .cb-rows > .cb-row')"
    assert window.run(f"{row}.length") == 3  # blank ones are made when they are asked for
    window.run(f"{row}[2].querySelector('[data-cb-do=up]').click()")
    window.run(f"{row}[1].querySelector('[data-cb-do=up]').click()")
    window.run("document.querySelector('#id_payments > .cb-add button').click()")
    # A list in a new row, and a row of it; another one, that is dropped again.
    window.run(f"{row}[3].querySelector('.cb-nested > .cb-add button').click()")
    window.run(f"{row}[3].querySelector('.cb-nested > .cb-add button').click()")
    window.run(f"{row}[3].querySelector(':scope .cb-nested [data-cb-do=drop]').click()")
    window.run(f"{row}[1].querySelector('.cb-delete input').click()")
    assert window.run(f"{row}[1].querySelector('.form-row').offsetHeight") == 0
    for name, value in (("payments-4-amount", "4"), ("payments-4-lines-2-count", "5")):
        window.run(f"document.getElementsByName('{name}')[0].value = '{value}'")
    third, second, new = saved(boss, window)
    assert (third, second) == (PAYMENTS[2], PAYMENTS[1])
    assert (new["amount"], [line["count"] for line in new["lines"]]) == ("4", [5])


def test_without_it(boss, window):
    window.scripts(False)
    opened(boss, window)
    assert window.run("document.getElementsByName('payments-3-ORDER')[0].offsetWidth") > 0
    assert window.run("document.querySelector('.cb-add').offsetWidth") == 0
    for name, value in (("payments-2-ORDER", "1"), ("payments-1-lines-1-ORDER", "1"),
                        ("payments-3-amount", "4"), ("payments-3-lines-0-count", "5")):  # fmt: skip
        window.run(f"document.getElementsByName('{name}')[0].value = '{value}'")
    window.run("document.getElementsByName('payments-0-DELETE')[0].checked = true")
    third, second, new = saved(boss, window)
    assert third == PAYMENTS[2]
    assert second == {**PAYMENTS[1], "lines": PAYMENTS[1]["lines"][::-1]}
    assert (new["amount"], [line["count"] for line in new["lines"]]) == ("4", [5])


def test_an_error_is_at_its_field(boss, window):
    opened(boss, window)
    data = window.sent("customer_form")
    data["payments-1-lines-1-count"] = ["x"]
    response = boss.post(CHANGE, data)
    assert response.status_code == 200
    window.open(response.rendered_content)
    lists = "document.querySelectorAll('.errorlist li')"
    assert window.run(f"Array.from({lists}).map((each) => each.textContent)") == [
        "Enter a whole number."
    ]
    assert window.run(f"{lists}[0].closest('.form-row').className").startswith(
        "form-row field-count"
    )
    assert len(window.sent("customer_form")) == len(data)
