"""What a user reads of an error, and which known words a wrong one brings up."""

from __future__ import annotations

import pytest

from reproaudit.errors import (
    ReproauditError,
    SubjectError,
    TraceError,
    UsageError,
    did_you_mean,
)

WORDS = ("train", "trace", "check")


def test_an_error_shows_its_message_its_code_and_below_them_the_hint() -> None:
    error = ReproauditError("cannot read 'a.trace'", code="trace-version", hint="record it again")
    assert str(error) == "cannot read 'a.trace' [trace-version]\n  hint: record it again"


def test_an_error_without_a_hint_is_one_line() -> None:
    assert str(ReproauditError("nothing to compare", code="no-runs")) == (
        "nothing to compare [no-runs]"
    )


@pytest.mark.parametrize("kind", [UsageError, TraceError, SubjectError])
def test_every_kind_of_error_is_caught_as_one_of_reproaudit_with_its_parts(
    kind: type[ReproauditError],
) -> None:
    with pytest.raises(ReproauditError) as caught:
        raise kind("it failed", code="a-code", hint="try again")
    error = caught.value
    assert (error.message, error.code, error.hint) == ("it failed", "a-code", "try again")


def test_a_misspelt_word_brings_up_the_known_one_that_is_like_it() -> None:
    assert did_you_mean("chekc", WORDS) == "did you mean 'check'?"


def test_several_words_like_it_are_offered_nearest_first() -> None:
    assert did_you_mean("trian", WORDS) == "did you mean 'train' or 'trace'?"


def test_a_word_that_is_like_none_brings_up_all_known_ones_in_order() -> None:
    assert did_you_mean("xyz", WORDS) == "known: check, trace, train"


def test_without_known_words_there_is_no_hint() -> None:
    assert did_you_mean("xyz", ()) == ""
