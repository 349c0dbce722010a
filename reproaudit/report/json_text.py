"""JSON for people and for services, indented: several times as fast as `json.dumps` does that."""

from __future__ import annotations

import json
from json.encoder import encode_basestring_ascii as quote_text
from typing import Any

_encode = json.JSONEncoder(allow_nan=False).encode


def write_json(document: Any) -> str:
    """Return what `json.dumps(document, indent=1)` returns, and a newline.

    Keys are texts. Raises ValueError for a number that JSON has not.
    """
    return f"{_write(document, '')}\n"


def _write(value: Any, indent: str) -> str:
    if isinstance(value, str):
        return quote_text(value)
    if type(value) is int:
        return repr(value)
    if not value or not isinstance(value, (dict, list, tuple)):
        return _encode(value)
    inner = f"{indent} "
    if isinstance(value, dict):
        parts = [f"{inner}{quote_text(key)}: {_write(one, inner)}" for key, one in value.items()]
        return "{\n" + ",\n".join(parts) + f"\n{indent}}}"
    parts = [inner + _write(one, inner) for one in value]
    return "[\n" + ",\n".join(parts) + f"\n{indent}]"
