"""Calls of libraries, which a program may import before torch or after it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from reproaudit.comparison.entropy import strength_of
from reproaudit.knowledge.rules import find_cause_of_call
from reproaudit.model.cause import Cause
from reproaudit.record.outside.libraries import LIBRARIES
from tests.record.recording import record

TOKENIZERS = """
class Tokenizer:
    def __init__(self):
        self.model = ""
    def train_from_iterator(self, texts, trainer=None):
        self.model = trainer(texts)
    def to_str(self):
        return self.model
"""


@pytest.mark.leaves(
    "sys-path",
    reason="the library is imported from a folder of its own; monkeypatch takes it off later",
)
def test_a_library_that_is_imported_after_torch_is_watched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tokenizers.py").write_text(TOKENIZERS)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "tokenizers", raising=False)

    def train(model: str) -> int:
        def program() -> None:
            from tokenizers import Tokenizer

            Tokenizer().train_from_iterator(["a b"], trainer=lambda texts: model)

        trace, _ = record(tmp_path / model, program)
        sys.modules.pop("tokenizers", None)
        name = "tokenizers.Tokenizer.train_from_iterator"
        (event,) = [event for event in trace.entropy_calls() if event.call == name]
        return event.value[0]

    assert train("one") == train("one") != train("other")


def test_what_a_tokenizer_learned_says_that_a_library_is_to_blame() -> None:
    assert find_cause_of_call("tokenizers.Tokenizer.train") is Cause.EXTERNAL_LIBRARY


def test_every_library_has_its_calls_by_the_name_of_its_module() -> None:
    __import__("asyncio")
    __import__("sqlite3")
    for library in ("asyncio", "sqlite3"):
        calls = list(LIBRARIES[library]())
        assert calls
        assert all(call.name.startswith(f"{library}.") for call in calls)
    assert strength_of("asyncio.wait").name == "ARRIVAL"
