"""The baseline file: the same text for the same content, and nothing but that is read."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reproaudit.errors import ReproauditError
from reproaudit.gate.baseline import (
    NO_SOURCE,
    BaselineEntry,
    from_text,
    list_entries,
    load,
    save,
    to_text,
)
from reproaudit.model.cause import Cause
from reproaudit.model.events import EventKind, Location, Phase
from reproaudit.model.identity import fingerprints
from reproaudit.model.result import AuditResult, Finding, TensorDivergence
from reproaudit.model.verdict import Verdict

TEXT = st.text(max_size=20)
MARK = st.text("0123456789abcdef", min_size=32, max_size=32)
ENTRIES = st.lists(
    st.builds(BaselineEntry, TEXT, TEXT, TEXT, TEXT, MARK, TEXT),
    unique_by=lambda entry: entry.fingerprint,
)
ENTRY = BaselineEntry("train.py", "RA401", "train.py in step", "aten::index_put", "0" * 32)
FINDING = Finding(
    "RA401",
    Cause.KERNEL,
    "adds in any order",
    Phase.BACKWARD,
    0,
    "aten::index_put",
    "layers.1",
    Location("train.py", 41, "step"),
)
RESULT = AuditResult(Verdict.NOT_REPRODUCIBLE, "", "train.py", (), (), 1)


def rows(*places: tuple[str, str]) -> tuple[TensorDivergence, ...]:
    return tuple(
        TensorDivergence(EventKind[kind.upper()], name, 0, Phase.FORWARD, (0, 1))
        for kind, name in places
    )


@given(ENTRIES)
def test_a_baseline_survives_being_written_and_read(entries: list[BaselineEntry]) -> None:
    assert from_text(to_text(entries), "b") == tuple(sorted(entries))


@given(ENTRIES)
def test_the_text_does_not_depend_on_the_order_of_entries(entries: list[BaselineEntry]) -> None:
    assert to_text(reversed(entries)) == to_text(entries)


def test_a_saved_baseline_is_there_whole_and_a_missing_one_is_none(tmp_path: Path) -> None:
    assert load(tmp_path / "b.json") is None
    save(tmp_path / "deep" / "b.json", [ENTRY])
    assert load(tmp_path / "deep" / "b.json") == (ENTRY,)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["b.json"]


def test_a_baseline_that_cannot_be_written_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "b.json").mkdir()
    with pytest.raises(ReproauditError) as caught:
        save(tmp_path / "b.json", [ENTRY])
    assert caught.value.code == "baseline-write"
    assert [path.name for path in tmp_path.iterdir()] == ["b.json"]


def edited(**changes: object) -> str:
    document = json.loads(to_text([ENTRY]))
    document["accepted"][0].update(changes)
    return json.dumps(document)


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        (
            f"<<<<<<< ours\n{to_text([])}=======\n{to_text([ENTRY])}>>>>>>> theirs\n",
            "baseline-conflict",
            "merge",
        ),
        ("", "baseline-corrupt", "not JSON"),
        ("[1]", "baseline-corrupt", "no version"),
        ('{"version": 2, "accepted": []}', "baseline-version", "is 2"),
        ('{"version": true, "accepted": []}', "baseline-version", "is True"),
        ('{"version": 1}', "baseline-corrupt", "no key 'accepted'"),
        ('{"version": 1, "acepted": []}', "baseline-corrupt", "did you mean 'accepted'"),
        ('{"version": 1, "accepted": [3]}', "baseline-corrupt", "accepted[0]"),
        (edited(resaon="x"), "baseline-corrupt", "did you mean 'reason'"),
        (edited(op=None), "baseline-corrupt", "accepted[0].op: expected a text, found null"),
        (edited(fingerprint="abc"), "baseline-corrupt", "32 hexadecimal"),
        (to_text([ENTRY, replace(ENTRY, op="other")]), "baseline-corrupt", "twice"),
        (
            '{"version": 1, "accepted": [{"subject": "a"}]}',
            "baseline-corrupt",
            "accepted[0]: no key 'rule'",
        ),
    ],
)
def test_anything_else_is_refused_with_what_was_found(
    text: str, code: str, said: str, tmp_path: Path
) -> None:
    (tmp_path / "b.json").write_text(text)
    with pytest.raises(ReproauditError) as caught:
        load(tmp_path / "b.json")
    assert caught.value.code == code
    assert said in str(caught.value)
    assert "'b.json'" in caught.value.message


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "b.json").write_bytes(b"\xff")
    with pytest.raises(ReproauditError) as caught:
        load(tmp_path / "b.json")
    assert caught.value.code == "baseline-corrupt"


def test_a_finding_becomes_an_entry_with_its_fingerprint_and_without_its_line() -> None:
    (entry,) = list_entries(replace(RESULT, findings=(FINDING,)))
    assert entry == replace(ENTRY, fingerprint=fingerprints("train.py", [FINDING])[0])


def test_a_divergence_without_a_finding_is_known_by_where_it_shows_first() -> None:
    (entry,) = list_entries(
        replace(RESULT, divergences=rows(("batch", "x"), ("gradient", "w"), ("gradient", "b")))
    )
    (later,) = list_entries(replace(RESULT, divergences=rows(("batch", "y"), ("gradient", "w"))))
    (elsewhere,) = list_entries(replace(RESULT, divergences=rows(("gradient", "b"))))
    (otherwise,) = list_entries(RESULT)
    assert (entry.rule, entry.location) == (NO_SOURCE, "gradient w")
    assert entry.fingerprint == later.fingerprint
    assert len({entry.fingerprint, elsewhere.fingerprint, otherwise.fingerprint}) == 3


def test_runs_that_are_equal_or_within_tolerance_have_nothing_to_accept() -> None:
    for verdict in (Verdict.REPRODUCIBLE, Verdict.WITHIN_TOLERANCE, Verdict.NOT_AUDITED):
        assert (
            list_entries(replace(RESULT, verdict=verdict, divergences=rows(("gradient", "w"))))
            == ()
        )


@pytest.mark.timeout(20)
def test_a_baseline_of_two_hundred_thousand_entries_is_not_compared_each_with_each() -> None:
    rows = [
        {"subject": "a", "rule": "b", "location": "c", "op": "", "fingerprint": f"{number:032x}"}
        for number in range(200_000)
    ]
    rows.append(rows[-1])
    text = json.dumps({"version": 1, "accepted": rows})
    with pytest.raises(ReproauditError, match=f"fingerprint {199_999:032x} stands in it twice"):
        from_text(text, "baseline.json")


def test_a_pipe_in_the_place_of_a_baseline_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "baseline.json")
    with pytest.raises(ReproauditError, match="no regular file") as caught:
        load(tmp_path / "baseline.json")
    assert caught.value.code == "baseline-corrupt"
