"""What the gateway says of a body that is not JSON: a real one's words (Sync Gateway 4.2)."""

from __future__ import annotations

import pytest

from django_cbtools.embedded import gojson
from django_cbtools.embedded.errors import GatewayError

CASES = [
    ("nope", "'o' in literal null (expecting 'u')"),
    ("{'a': 1}", r"'\'' looking for beginning of object key string"),
    ("{a: 1}", "'a' looking for beginning of object key string"),
    ('{"a": 1,}', "'}' looking for beginning of object key string"),
    ("[1,]", "']' looking for beginning of value"),
    ('{"a" 1}', "'1' after object key"),
    ('{"a": 1 "b": 2}', "'\"' after object key:value pair"),
    ("[1 2]", "'2' after array element"),
    ("[01]", "'1' after array element"),
    ("[1.x]", "'x' after decimal point in numeric literal"),
    ("[1e+x]", "'x' in exponent of numeric literal"),
    ("[-x]", "'x' in numeric literal"),
    ("[+1]", "'+' looking for beginning of value"),
    ("[tru]", "']' in literal true (expecting 'e')"),
    (r'["\q"]', "'q' in string escape code"),
    (r'["\u12g4"]', r"'g' in \u hexadecimal character escape"),
    ('["a\n"]', r"'\n' in string literal"),
    ("[\v]", r"'\v' looking for beginning of value"),
    ("[\x01]", r"'\x01' looking for beginning of value"),
    ("\ufeff{}", "'\xef' looking for beginning of value"),
    ("é", "'\xc3' looking for beginning of value"),
]


@pytest.mark.parametrize(("text", "words"), CASES)
def test_invalid_character(text, words):
    with pytest.raises(GatewayError) as caught:
        gojson.decode(text)
    assert caught.value.reason == f"Bad JSON: invalid character {words}"
    with pytest.raises(GatewayError) as caught:
        gojson.unmarshal(text)
    assert caught.value.reason == f'Invalid JSON: "invalid character {words}"'


@pytest.mark.parametrize("text", ["[", "[1", '{"a"', '{"a":', '["a', "[1.", "[tr", r'["\u12'])
def test_cut_off(text):
    with pytest.raises(GatewayError) as caught:
        gojson.decode(text)
    assert caught.value.reason == "Bad JSON: unexpected EOF"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[1", "unexpected end of JSON input"),
        ("", "unexpected end of JSON input"),
        ("1.", "invalid character ' ' after decimal point in numeric literal"),
        ("tr", "invalid character ' ' in literal true (expecting 'u')"),
        ("{} x", "invalid character 'x' after top-level value"),
        ("{} \f", r"invalid character '\f' after top-level value"),
    ],
)
def test_end_of_a_whole_text(text, words):
    with pytest.raises(GatewayError) as caught:
        gojson.unmarshal(text)
    assert caught.value.reason == f'Invalid JSON: "{words}"'
