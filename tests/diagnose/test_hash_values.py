"""What is advised where hashes differ: order a set, or take another number than a hash."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from reproaudit.config.subject import parse_subject
from reproaudit.diagnose.advice import advise
from reproaudit.diagnose.hash_values import word_hash
from reproaudit.model.cause import Cause
from reproaudit.model.events import Location, Phase
from reproaudit.model.result import Finding, Fix

PROGRAM = """\
def bucket(word):
    return hash(word) % 50

names = {"a", "b"}
table = {name: at for at, name in enumerate(names)}
ids = [bucket(word) for word in text.split()]
both = [hash(name) for name in names]
plain = 7
where = id(text) % 2
"""


def worded(folder: Path, line: int, *, text: str = PROGRAM, fix: str = "hash.seed") -> Finding:
    (folder / "train.py").write_text(text)
    place = Location("train.py", line, "<module>")
    proven = Fix((fix,), "sort before iterating", verified=True, runs=3)
    finding = Finding("RA202", Cause.HASH_ORDER, "", Phase.DATA, 0, location=place, fix=proven)
    return word_hash(finding, parse_subject("train.py", cwd=folder))


def read_advice(finding: Finding) -> str:
    assert finding.fix is not None
    return finding.fix.advice


def test_an_order_of_a_set_is_to_be_sorted(tmp_path: Path) -> None:
    assert read_advice(worded(tmp_path, 5)) == "sort before iterating"


@pytest.mark.parametrize("line", [2, 6])
def test_a_number_that_is_made_of_a_hash_is_to_be_a_checksum_at_the_line_that_makes_it(
    tmp_path: Path, line: int
) -> None:
    finding = worded(tmp_path, line)
    assert "zlib.crc32" in read_advice(finding)
    assert "sort" not in read_advice(finding)
    assert finding.title.startswith("a number is made of a hash")
    assert (finding.call, finding.location and finding.location.line) == ("hash", 2)
    (written,) = advise(finding, ["hash.seed"], "    return hash(word) % 50", refuses=False)
    assert "the_set" not in written
    notes = ("used at train.py:6 in <module>",) if line == 6 else ()
    assert finding.evidence.notes == notes


def test_a_number_that_is_made_of_an_address_is_to_be_another_one(tmp_path: Path) -> None:
    finding = worded(tmp_path, 9, fix="addresses.fixed")
    assert "in the place of id()" in read_advice(finding)
    assert finding.call == "id"
    (written,) = advise(finding, ["addresses.fixed"], "", refuses=False)
    assert "dict.fromkeys" not in written


@pytest.mark.parametrize("text", [PROGRAM, "plain = 7\n", "not Python\n"])
def test_where_both_are_seen_or_neither_is_both_are_said(tmp_path: Path, text: str) -> None:
    line = 7 if text is PROGRAM else 1
    finding = worded(tmp_path, line, text=text)
    assert "sort sets" in read_advice(finding)
    assert "checksum" in read_advice(finding)
    assert finding.title.startswith("an order or a number")


def test_a_set_elsewhere_in_a_file_without_hashes_is_to_be_sorted(tmp_path: Path) -> None:
    finding = worded(tmp_path, 1, text="plain = 7\nnames = list({'a', 'b'})\n")
    assert read_advice(finding) == "sort before iterating"


def test_a_hash_elsewhere_in_the_file_is_told_and_the_line_stays(tmp_path: Path) -> None:
    text = "plain = 7\n\ndef bucket(word):\n    return hash(word)\n"
    finding = worded(tmp_path, 1, text=text)
    assert finding.location == Location("train.py", 1, "<module>")
    assert finding.title.startswith("an order or a number")
    assert finding.evidence.notes == ("hash() is called at train.py:4 in bucket",)


def test_other_causes_and_seeds_are_left(tmp_path: Path) -> None:
    finding = worded(tmp_path, 5)
    subject = parse_subject("train.py", cwd=tmp_path)
    for other in (
        replace(finding, cause=Cause.CLOCK),
        replace(finding, call="torch.manual_seed"),
    ):
        assert word_hash(other, subject) == other
