"""What a lock holds: how entries are told apart, joined and chosen."""

from __future__ import annotations

from dataclasses import replace

from reproaudit.config.settings import Settings
from reproaudit.lock.model import Entry, Lock, find_changes, find_nearest_run, merge_entry
from tests.lock.locks import HERE, RUN, THERE, op, tensor

THREADS = (*HERE[:3], ("threads", "8"))
ENTRY = Entry("train.py", settings=Settings(threads=2), runs=(RUN,))


def test_an_entry_is_called_as_a_shell_would_take_it() -> None:
    entry = Entry("net.py::Net", ("--name", "a b"), ("float32[8,3]", "bool[]"))
    assert entry.name == "--inputs 'float32[8,3]' --inputs 'bool[]' net.py::Net --name 'a b'"


def test_entries_of_a_subject_are_chosen_by_exactly_its_arguments_if_any_are_given() -> None:
    plain = Entry("train.py")
    with_one = Entry("train.py", ("--lr",))
    lock = Lock((plain, with_one, Entry("eval.py", ("--lr",))))
    assert lock.of_subject("train.py") == (plain, with_one)
    assert lock.of_subject("train.py", ["--lr"]) == (with_one,)
    assert lock.of_subject("train.py", ["--lr", "1"]) == ()


def test_a_name_that_one_side_lacks_is_a_change_from_or_to_unset() -> None:
    before = (("torch", "2.9"), ("gpu", "A100"), ("device", "cuda"))
    now = (("device", "cuda"), ("torch", "2.10"), ("threads", "2"))
    assert find_changes(before, now) == (
        ("torch", "2.9", "2.10"),
        ("gpu", "A100", "unset"),
        ("threads", "unset", "2"),
    )


def test_the_nearest_environment_is_the_one_with_the_fewest_differing_names() -> None:
    far = replace(RUN, environment=THERE)
    near = replace(RUN, environment=THREADS)
    assert find_nearest_run((far, near), HERE) is near
    assert find_nearest_run((far, near, RUN), HERE) is RUN


def test_locking_again_replaces_the_same_environment_and_keeps_the_others() -> None:
    there = replace(RUN, environment=THERE)
    before = Lock((replace(ENTRY, runs=(RUN, there)), Entry("a.py", runs=(RUN,))))
    made = replace(ENTRY, runs=(replace(RUN, tensors=(tensor("w", "2"),)),))
    assert merge_entry(before, made).entries == (
        before.entries[1],
        replace(ENTRY, runs=(made.runs[0], there)),
    )
    assert merge_entry(before, made, prune=True).entries[1].runs == made.runs
    assert merge_entry(before, replace(made, steps=7)).entries[1].runs == made.runs


def test_only_a_run_that_counts_more_operators_than_it_holds_is_cut() -> None:
    run = replace(RUN, operators=(op("mm"),), operators_total=1)
    assert not run.is_cut
    assert replace(run, operators_total=2).is_cut
