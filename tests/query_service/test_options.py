"""What a DATABASES entry may say."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_cbtools.query_service import connect
from django_cbtools.query_service.options import Options, keyspace


@pytest.mark.parametrize(
    ("entry", "urls"),
    [
        ({"HOST": "https://a.example.com"}, ("https://a.example.com:18093",)),
        ({"HOST": "http://a:1, http://b/"}, ("http://a:1", "http://b:8093")),
        ({"HOST": "http://a", "PORT": 5}, ("http://a:5",)),
        ({"HOST": "http://[::1]/query/"}, ("http://[::1]:8093/query",)),
        ({"HOST": ["https://a", "https://b:9"]}, ("https://a:18093", "https://b:9")),
        ({"HOST": "couchbases://a,b"}, ("couchbases://a,b",)),
        ({"HOST": "a,b", "PORT": "11210"}, ("couchbase://a:11210,b:11210",)),
    ],
)
def test_hosts(entry, urls):
    assert Options.of(entry).urls == urls


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({}, "HOST is not set"),
        ({"HOST": "ftp://a"}, "HOST cannot be"),
        ({"HOST": "http://"}, "HOST cannot be"),
        ({"HOST": "http://a:b"}, "HOST cannot be"),
        ({"HOST": "http://a?b"}, "HOST cannot be"),
        ({"HOST": "http://a,couchbase://b"}, "HOST cannot be"),
        ({"HOST": "couchbase://a,http://b"}, "HOST cannot be"),
        ({"HOST": "http://ann:secret@a"}, "USER and PASSWORD have"),
        ({"HOST": "http://a", "OPTIONS": []}, "OPTIONS is a dictionary, not list"),
        ({"HOST": "http://a", "OPTIONS": {"nope": 1}}, "unknown options: nope. Known are: backoff"),
        ({"HOST": "http://a", "OPTIONS": {"timeout": 0}}, "seconds for a whole query"),
        ({"HOST": "http://a", "OPTIONS": {"scan_consistency": "x"}}, "'request_plus' or"),
        ({"HOST": "http://a", "OPTIONS": {"read_only": 1}}, "True or False"),
        ({"HOST": "http://a", "OPTIONS": {"verify": "/none"}}, r"OPTIONS['verify'] cannot be"),
        ({"HOST": "http://a", "OPTIONS": {"cert": ["/none", "/no"]}}, "OPTIONS['cert'] cannot be"),
    ],
)
def test_entries_that_cannot_be(entry, words):
    with pytest.raises(ImproperlyConfigured) as caught:
        connect(entry)
    assert words in str(caught.value)
    assert "secret" not in repr(caught.value)


@pytest.mark.parametrize("name", ["news", "news.shop.articles"])
def test_the_bucket_is_opened_whatever_is_asked_in_it(name):
    entry = {"HOST": "couchbases://a", "NAME": name}
    assert Options.of(entry).bucket == "news"
    assert ".".join(keyspace(entry)) == name


def test_passwords_are_not_shown():
    options = Options.of({"HOST": "http://a", "USER": "ann", "PASSWORD": "secret"})
    assert "secret" not in repr(options)


def test_one_service_for_each_entry():
    entry = {"HOST": "http://a", "OPTIONS": {"timeout": 5}}
    assert connect(entry) is connect(dict(entry))
    assert connect(entry) is not connect({**entry, "OPTIONS": {}})
