"""How variations are written on the command line and in a project."""

from __future__ import annotations

import pytest

from reproaudit.config.settings import Settings
from reproaudit.errors import UsageError
from reproaudit.knowledge.variations import VARIATIONS
from reproaudit.knowledge.wanted import Wanted, is_variation, read_wanted

ALL = [name for name, entry in VARIATIONS.items() if entry.in_all]


def list_settings(*texts: str) -> list[str]:
    return [one.setting for one in read_wanted(texts)]


def list_names(*texts: str) -> list[str]:
    return list(dict.fromkeys(one.name for one in read_wanted(texts)))


def test_values_are_tried_in_the_order_in_which_they_are_named() -> None:
    assert list_settings("threads=4,1", "hash_seed=7", "threads=2") == [
        "threads=4",
        "threads=1",
        "threads=2",
        "hash_seed=7",
    ]


@pytest.mark.parametrize("second", ["timezone", "hash_seed=0"])
def test_a_variation_behind_the_values_of_another_is_told_from_them(second: str) -> None:
    with pytest.raises(UsageError, match=f"'{second}' is no value of threads") as caught:
        read_wanted([f"threads=1,{second}"])
    assert caught.value.code == "variation-syntax"
    assert caught.value.hint == f"give it a --vary of its own: --vary {second}"


def test_a_name_alone_has_the_values_of_the_table() -> None:
    assert list_settings("threads") == [f"threads={v}" for v in VARIATIONS["threads"].values]


@pytest.mark.parametrize("texts", [(), ("+all",)])
def test_all_are_tried_where_none_is_named(texts: tuple[str, ...]) -> None:
    assert list_names(*texts) == ALL


def test_one_that_was_not_named_is_not_asked_for() -> None:
    wanted = read_wanted(["+all", "threads=3"])
    assert {one.name for one in wanted if one.is_asked_for} == {"threads"}


@pytest.mark.parametrize("texts", [("-threads",), ("+all,-threads",), ("+all", "-threads")])
def test_what_is_left_out_is_left_out_of_all(texts: tuple[str, ...]) -> None:
    assert list_names(*texts) == [name for name in ALL if name != "threads"]


def test_a_variable_and_an_option_of_the_program_are_variations() -> None:
    variable, option = read_wanted([r"env.CUDA_VISIBLE_DEVICES=0\,1", "arg.--lr=-0.1"])
    assert variable == Wanted(
        name="env.CUDA_VISIBLE_DEVICES",
        value="0,1",
        settings=Settings(env=(("CUDA_VISIBLE_DEVICES", "0,1"),)),
    )
    assert option == Wanted(name="arg.--lr", value="-0.1", option="--lr")


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("thread=1", "variation-unknown", "threads"),
        ("+all,-hash_sed", "variation-unknown", "hash_seed"),
        ("envNAME=1", "variation-unknown", "env.NAME"),
        ("threads,hash_seed=1", "variation-syntax", "hash_seed=1"),
        ("arg.lr=1", "variation-syntax", "arg.--lr"),
        ("env.NAME", "variation-value", "env.NAME=a,b"),
        ("python=/nowhere/python", "variation-value", "python="),
        ("torch=/nowhere", "variation-value", "torch="),
        ("threads=one", "setting-invalid", "whole number"),
        ("threads=", "variation-value", "--list"),
        ("+threads,-threads", "variation-none", "--list"),
    ],
)
def test_a_mistake_says_what_was_meant(text: str, code: str, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        read_wanted([text])
    assert refused.value.code == code
    assert said in refused.value.hint


def test_a_pattern_of_tensors_is_no_variation() -> None:
    assert [is_variation(name) for name in ("threads", "env.X", "gradient", "float32")] == [
        True,
        True,
        False,
        False,
    ]
