"""Guesses the content type of data by the WHATWG's MIME sniffing rules, as Go implements them."""

from __future__ import annotations

import re

#: How many bytes are examined.
LENGTH = 512

_TAGS = (
    rb"<!DOCTYPE HTML|<HTML|<HEAD|<SCRIPT|<IFRAME|<H1|<DIV|<FONT|<TABLE|<A|<STYLE|<TITLE|<B|<BODY"
    rb"|<BR|<P|<!--"
)
#: Patterns of the first bytes, each with a content type. The first match counts.
_SIGNATURES = [
    (re.compile(pattern, re.DOTALL), content_type)
    for pattern, content_type in (
        (rb"[\t\n\x0c\r ]*(?i:%b)[ >]" % _TAGS, "text/html; charset=utf-8"),
        (rb"[\t\n\x0c\r ]*<\?xml", "text/xml; charset=utf-8"),
        (rb"%PDF-", "application/pdf"),
        (rb"%!PS-Adobe-", "application/postscript"),
        (rb"\xfe\xff..", "text/plain; charset=utf-16be"),
        (rb"\xff\xfe..", "text/plain; charset=utf-16le"),
        (rb"\xef\xbb\xbf.", "text/plain; charset=utf-8"),
        (rb"\0\0[\x01\x02]\0", "image/x-icon"),
        (rb"BM", "image/bmp"),
        (rb"GIF8[79]a", "image/gif"),
        (rb"RIFF.{4}WEBPVP", "image/webp"),
        (rb"\x89PNG\r\n\x1a\n", "image/png"),
        (rb"\xff\xd8\xff", "image/jpeg"),
        (rb"FORM.{4}AIFF", "audio/aiff"),
        (rb"ID3", "audio/mpeg"),
        (rb"OggS\0", "application/ogg"),
        (rb"MThd\0\0\0\x06", "audio/midi"),
        (rb"RIFF.{4}AVI ", "video/avi"),
        (rb"RIFF.{4}WAVE", "audio/wave"),
        (rb"\0\0\0.ftyp(.{8})?(.{4})*?mp4", "video/mp4"),
        (rb"\x1a\x45\xdf\xa3", "video/webm"),
        (rb".{34}LP", "application/vnd.ms-fontobject"),
        (rb"\0\x01\0\0", "font/ttf"),
        (rb"OTTO", "font/otf"),
        (rb"ttcf", "font/collection"),
        (rb"wOFF", "font/woff"),
        (rb"wOF2", "font/woff2"),
        (rb"\x1f\x8b\x08", "application/x-gzip"),
        (rb"PK\x03\x04", "application/zip"),
        (rb"Rar!\x1a\x07(\0|\x01\0)", "application/x-rar-compressed"),
        (rb"\0asm", "application/wasm"),
        (rb"[^\0-\x08\x0b\x0e-\x1a\x1c-\x1f]*\Z", "text/plain; charset=utf-8"),
    )
]


def sniff(data: bytes) -> str:
    """Return the content type of some data, guessed from its first bytes.

    It is ``application/octet-stream`` if the data is of no known type.
    """
    data = data[:LENGTH]
    for pattern, content_type in _SIGNATURES:
        if pattern.match(data):
            return content_type
    return "application/octet-stream"
