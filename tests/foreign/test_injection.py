"""Whatever a stranger writes into a result is shown by every report, and obeyed by nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import pytest

from reproaudit.errors import ReproauditError
from reproaudit.model.events import Location, ProgramWarning
from reproaudit.report import formats, render
from reproaudit.report.json_report import from_json, to_json
from tests.foreign.readers import RESULTS
from tests.report.cases import STRUCTURE

_ATTACK = (
    "</p><img src=x>[a](http://x.example)\n# big\n::error::x ##[error]x ]]> \x1b[2J\u202e | \ufffe"
)
_CODE = re.compile(r"^(`{3,}).*?^\1$|`[^`\n]*`", re.DOTALL | re.MULTILINE)
WARNED = replace(STRUCTURE, warnings=(ProgramWarning("said", "RA501", Location("a.py", 1)),))
_Place = tuple[Any, ...]


def _list_texts(value: Any, above: _Place = ()) -> Iterator[_Place]:
    """Yield where the texts of a document are."""
    if isinstance(value, str):
        yield above
    elif isinstance(value, (dict, list)):
        inner = value.items() if isinstance(value, dict) else enumerate(value)
        for key, one in inner:
            yield from _list_texts(one, (*above, key))


def _attack_each_kind() -> Iterator[str]:
    """Yield good results with one text replaced; of texts in a list, one."""
    seen: set[_Place] = set()
    for text in (*RESULTS, to_json(WARNED)):
        for place in _list_texts(json.loads(text)):
            kind = tuple(key if isinstance(key, str) else "" for key in place)
            if kind in seen:
                continue
            seen.add(kind)
            document = json.loads(text)
            *above, last = place
            inside = document
            for key in above:
                inside = inside[key]
            inside[last] = _ATTACK
            yield json.dumps(document)


@pytest.mark.parametrize("name", formats())
def test_no_text_of_a_result_is_obeyed(name: str) -> None:
    shown = 0
    for document in _attack_each_kind():
        try:
            result = from_json(document)
        except ReproauditError:
            continue  # a word of a closed list
        report = render(result, name)
        shown += "img src=x" in report
        assert all(letter.isprintable() or letter in "\n\t\r" for letter in report)
        assert "##[" not in report
        assert not re.search(r"^\s*::error::x", report, re.MULTILINE)
        if name == "markdown":
            assert "<" not in _CODE.sub("", report)
            assert not re.search(r"(?<!\\)\]\(", _CODE.sub("", report))
        if name == "junit":
            ElementTree.fromstring(report)
        if name in ("json", "sarif", "codequality"):
            json.loads(report)
    assert shown, "most of it is to be read"
