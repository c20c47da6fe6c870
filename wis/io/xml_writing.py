"""Texts as XML has them."""

from __future__ import annotations

import re

from wis.errors import GraphFormatError

_IMPOSSIBLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SPECIAL = re.compile('[&<>"\t\n\r]')
_IN_CONTENT = re.compile("[&<>\r]")
_ESCAPED = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}


def _escape(found: re.Match[str]) -> str:
    return _ESCAPED.get(found[0]) or f"&#{ord(found[0])};"


def _checked(text: str) -> str:
    found = _IMPOSSIBLE.search(text)
    if found is not None:
        raise GraphFormatError(
            f"a text holds the character U+{ord(found[0]):04X}, which XML cannot hold; take it out "
            "or write another format"
        )
    return text


def content(text: str) -> str:
    """A text between tags."""
    return _IN_CONTENT.sub(_escape, _checked(text))


def attribute(text: str) -> str:
    """A text in quotes, as the value of an attribute."""
    return f'"{_SPECIAL.sub(_escape, _checked(text))}"'
