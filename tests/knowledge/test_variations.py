"""The table of variations: each says what it is, takes its values and refuses others."""

from __future__ import annotations

import importlib.util

import pytest

from reproaudit.config.settings import Settings
from reproaudit.errors import UsageError
from reproaudit.knowledge.dependences import list_expectations
from reproaudit.knowledge.variation import Around, Variation
from reproaudit.knowledge.variations import VARIATIONS, find_variation
from reproaudit.model.question import Dependence

ENTRIES = list(VARIATIONS.values())
# Of which nothing says that a tensor may, or may not, depend on them as a whole.
# Of other neighbours nothing may depend: what does is a bug.
WITHOUT_EXPECTATION = {"python", "neighbours"}


def name_of(entry: Variation) -> str:
    return entry.id


@pytest.mark.parametrize("entry", ENTRIES, ids=name_of)
def test_each_value_of_the_table_gives_settings(entry: Variation) -> None:
    for value in entry.values:
        settings = entry.settings_for(value)
        is_made_around = entry.around is not Around.NOTHING
        assert (settings == Settings()) is is_made_around


@pytest.mark.parametrize("entry", ENTRIES, ids=name_of)
def test_what_acts_inside_the_process_has_a_module_that_is_told_the_value(entry: Variation) -> None:
    for value in entry.values:
        told = dict(entry.settings_for(value).variations)
        assert told == ({entry.id: value} if entry.record else {})
    if entry.record:
        assert importlib.util.find_spec(entry.module) is not None


@pytest.mark.parametrize("entry", [one for one in ENTRIES if one.values], ids=name_of)
def test_a_value_that_it_cannot_have_is_refused_with_what_it_takes(entry: Variation) -> None:
    wrong = "" if entry.id.startswith(("cpu.", "locales", "environment")) else "\0"
    with pytest.raises(UsageError) as raised:
        entry.settings_for(wrong)
    assert raised.value.code == "setting-invalid"
    assert raised.value.hint


@pytest.mark.parametrize("entry", ENTRIES, ids=name_of)
def test_what_may_not_take_hold_says_why(entry: Variation) -> None:
    assert bool(entry.fact) is bool(entry.unless)
    assert entry.how.endswith(".")
    assert not entry.what.endswith(".")


@pytest.mark.parametrize("entry", ENTRIES, ids=name_of)
def test_something_is_known_of_what_depends_on_it(entry: Variation) -> None:
    assert bool(list_expectations(entry.id)) is (entry.id not in WITHOUT_EXPECTATION)


def test_a_part_of_another_variation_is_not_among_all() -> None:
    parts = {entry.id for entry in ENTRIES if entry.id.startswith("cpu.")}
    assert parts
    assert not parts & {entry.id for entry in ENTRIES if entry.in_all}


def test_an_unknown_name_is_told_with_the_nearest() -> None:
    with pytest.raises(UsageError) as raised:
        find_variation("thread")
    assert raised.value.code == "variation-unknown"
    assert "threads" in raised.value.hint


def test_a_fact_of_a_trace_tells_which_value_a_run_has() -> None:
    cpu, device = VARIATIONS["cpu"], VARIATIONS["device"]
    assert cpu.is_value_of({"cpu capability": "AVX2"}, "avx2")
    assert not cpu.is_value_of({"cpu capability": "AVX512"}, "avx2")
    assert not device.is_value_of({}, "cpu")


@pytest.mark.parametrize("name", ["hash_seed", "timezone", "home", "umask", "fileordering", "time"])
def test_whatever_depends_on_what_surrounds_a_process_is_a_bug(name: str) -> None:
    assert {row.dependence for row in list_expectations(name)} == {Dependence.BUG}


@pytest.mark.parametrize("value", ["Nowhere/Land", "", "/", "../etc/passwd", "XY"])
def test_a_time_zone_that_nobody_knows_is_refused(value: str) -> None:
    with pytest.raises(UsageError, match="timezone cannot be"):
        VARIATIONS["timezone"].settings_for(value)


@pytest.mark.parametrize("value", ["GMT+12", "CET-1CEST", "<+03>-3", "UTC0"])
def test_a_time_zone_may_be_a_rule(value: str) -> None:
    assert VARIATIONS["timezone"].settings_for(value).env == (("TZ", value),)
