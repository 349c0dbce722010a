"""Reading a lock: nothing is guessed, and whatever is wrong is told with its line."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reproaudit.errors import UsageError
from reproaudit.lock.model import Lock
from reproaudit.lock.parse import find_conflict, from_text, split_sides
from reproaudit.lock.text import to_text
from tests.lock.locks import ENTRY, LOCK, RUN

TEXT = to_text(LOCK)
LINES = TEXT.split("\n")


def refusal(text: str) -> UsageError | None:
    """Return the error that reading gives, which must name a line; None if the text is a lock."""
    try:
        from_text(text, "x")
    except UsageError as error:
        found = error
    else:
        return None
    assert re.match(r"x, line \d+: ", found.message)
    return found


def test_a_lock_cut_off_after_any_line_is_refused() -> None:
    for count in range(1, len(LINES) - 2):
        with pytest.raises(UsageError) as caught:
            from_text("\n".join(LINES[:count]), "some.lock")
        assert caught.value.code == "lock-truncated"
        assert f"some.lock, line {count}" in caught.value.message


def test_a_lock_without_any_one_of_its_lines_is_refused_or_says_less() -> None:
    for left_out, line in enumerate(LINES[:-1]):
        text = "\n".join(LINES[:left_out] + LINES[left_out + 1 :])
        error = refusal(text)
        if error is not None:
            assert error.code in ("lock-corrupt", "lock-truncated", "lock-version"), line
        else:
            assert (from_text(text, "x") == LOCK) is (not line or line.startswith("#")), line


@given(st.integers(0, len(TEXT) - 1), st.text(max_size=4))
@example(0, "")
def test_no_damage_raises_anything_but_an_error_that_names_a_line(
    position: int, planted: str
) -> None:
    error = refusal(TEXT[:position] + planted + TEXT[position + 1 :])
    assert error is None or error.hint


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("gradient     0", "gradient     z", "no digest of 16"),
        ("gradient  ", "gradients ", "is not KIND DIGEST"),
        ("forward   0", "forwards  0", "is not PHASE"),
        ("train.py:7", "train.py:7777777777", "is no number"),
        ("aten::relu.default", "aten::relu%zz", "percent sign"),
        ("aten::relu.default", "aten::relu%FF", "is not UTF-8"),
        ("operators 8 of 10", "operators 7 of 10", "8 operators of this environment are here"),
        ("operators 8 of 10", "operators 8 of 7", "its section says 8 of 7"),
        ("setting seed 3", "setting seed {", "is no JSON"),
        ("setting seed 3", "setting sead 3", "no setting 'sead'"),
        ("setting seed 3", "setting seed -1", "seed cannot be"),
        ("steps all", "stops all", "an entry has no 'stops'"),
        ("environment\n", "surroundings\n", "no section begins like this"),
        ("  steps all\n", "  steps all\n\nenvironment\n", "section says nothing"),
        ("  steps all\n", "", "does not say how many steps"),
        ("device: cpu", "device=cpu", "NAME: VALUE"),
        ("\nend", "\nend\nmore", "something follows the last line"),
        ("environment\n", "environment\n" + "  a: b" * 4000 + "\n", "longer than"),
    ],
)
def test_an_edited_line_is_told(before: str, after: str, told: str) -> None:
    assert before in TEXT
    with pytest.raises(UsageError) as caught:
        from_text(TEXT.replace(before, after, 1), "x")
    assert caught.value.code == "lock-corrupt"
    assert told in caught.value.message


@pytest.mark.parametrize(
    ("lock", "told"),
    [
        (Lock((ENTRY, ENTRY)), "two entries of"),
        (Lock((replace(ENTRY, runs=()),)), "holds no environment"),
        (Lock((replace(ENTRY, runs=(RUN, RUN)),)), "one environment twice"),
    ],
)
def test_what_no_lock_holds_twice_or_not_at_all_is_refused(lock: Lock, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        from_text(to_text(lock), "x")


def test_another_version_says_both_versions() -> None:
    with pytest.raises(UsageError, match="format '2', this reproaudit reads 1") as caught:
        from_text(TEXT.replace("lock 1", "lock 2", 1), "x")
    assert caught.value.code == "lock-version"


def test_a_merge_conflict_is_told_with_its_line_and_the_way_out() -> None:
    text = "\n".join(
        [*LINES[:6], "<<<<<<< HEAD", LINES[6], "=======", "  steps 5", ">>>>>>> other", *LINES[7:]]
    )
    with pytest.raises(UsageError, match="x, line 7: the file holds a merge conflict") as caught:
        from_text(text, "x")
    assert caught.value.code == "lock-conflict"
    assert "reproaudit lock" in caught.value.hint


def test_the_sides_of_a_conflict_are_the_two_texts_without_their_ancestor() -> None:
    text = "a\n<<<<<<< ours\nb\n||||||| base\nc\n=======\nd\n>>>>>>> theirs\ne"
    assert split_sides(text) == ("a\nb\ne", "a\nd\ne")


def test_an_argument_that_looks_like_a_conflict_is_none() -> None:
    lock = Lock((replace(ENTRY, arguments=("<<<<<<<", "=======")),))
    assert from_text(to_text(lock), "x") == lock


def test_a_conflict_is_found_at_its_first_marker_and_not_in_an_indented_line() -> None:
    assert find_conflict(["a", "  <<<<<<< x", "<<<<<<<< x", "=======", ">>>>>>> y"]) == 4
    assert find_conflict(["a", "  =======", "=======b"]) is None
