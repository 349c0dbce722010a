from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reproaudit.config.settings import (
    Settings,
    from_dict,
    list_settings,
    make_environment,
    merge,
    to_dict,
)
from reproaudit.errors import UsageError

FLAG = st.none() | st.booleans()
NUMBER = st.none() | st.integers(0, 2**32 - 1)
VARIABLE = st.text(st.characters(exclude_characters="=\0", exclude_categories=["Cs"]), min_size=1)
VALUE = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))

any_settings = st.builds(
    Settings,
    seed=NUMBER,
    hash_seed=NUMBER,
    deterministic=st.sampled_from([None, "error", "warn"]),
    cudnn_benchmark=FLAG,
    cudnn_deterministic=FLAG,
    tf32=FLAG,
    threads=st.none() | st.integers(1, 256),
    fill_uninitialized=FLAG,
    cublas_workspace=st.none() | st.just(":4096:8"),
    env=st.dictionaries(VARIABLE, VALUE, max_size=3).map(lambda table: tuple(table.items())),
    device=st.none() | st.just("cuda:0"),
)


@given(any_settings)
def test_settings_survive_being_written_and_read(settings: Settings) -> None:
    assert from_dict(to_dict(settings)) == settings


@given(any_settings, any_settings)
def test_a_merge_has_what_the_change_sets_and_else_what_the_base_sets(
    base: Settings, change: Settings
) -> None:
    merged = merge(base, change)
    for name in set(Settings.__dataclass_fields__) - {"env"}:
        wanted = getattr(base, name) if getattr(change, name) is None else getattr(change, name)
        assert getattr(merged, name) == wanted
    assert dict(merged.env) == {**dict(base.env), **dict(change.env)}


def test_settings_that_set_nothing_change_no_variable_and_show_nothing() -> None:
    assert make_environment(Settings()) == {}
    assert list_settings(Settings()) == ()


def test_a_seed_does_not_fix_the_hash_seed() -> None:
    assert "PYTHONHASHSEED" not in make_environment(
        Settings(seed=1, deterministic="error", threads=2)
    )


def test_settings_that_must_precede_the_process_become_variables() -> None:
    assert make_environment(Settings(hash_seed=0, cublas_workspace=":16:8", threads=4)) == {
        "PYTHONHASHSEED": "0",
        "CUBLAS_WORKSPACE_CONFIG": ":16:8",
        "OMP_NUM_THREADS": "4",
        "MKL_NUM_THREADS": "4",
    }


def test_a_variable_given_by_name_wins_over_an_implied_one() -> None:
    assert (
        make_environment(Settings(threads=4, env=(("MKL_NUM_THREADS", "1"),)))["MKL_NUM_THREADS"]
        == "1"
    )


def test_the_order_of_variables_does_not_make_settings_differ() -> None:
    assert Settings(env=(("B", "2"), ("A", "1"))) == Settings(env=(("A", "1"), ("B", "2")))


def test_a_description_names_what_is_set_in_a_fixed_order() -> None:
    settings = Settings(env=(("B", "2"), ("A", "")), tf32=False, seed=0)
    assert list_settings(settings) == (
        ("seed", "0"),
        ("tf32", "false"),
        ("env.A", ""),
        ("env.B", "2"),
    )


def test_an_unknown_setting_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UsageError) as caught:
        from_dict({"cudnn_determinstic": True}, "preset strict")
    assert caught.value.code == "unknown-setting"
    assert "preset strict" in caught.value.message
    assert "'cudnn_deterministic'" in caught.value.hint


def test_an_unknown_setting_near_to_none_is_refused_with_all_names() -> None:
    with pytest.raises(UsageError) as caught:
        from_dict({"zzz": 1})
    assert all(name in caught.value.hint for name in Settings.__dataclass_fields__)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seed", -1),
        ("seed", 2**32),
        ("seed", True),
        ("seed", 1.0),
        ("seed", "1"),
        ("hash_seed", 2**32),
        ("threads", 0),
        ("deterministic", True),
        ("deterministic", "Error"),
        ("deterministic", []),
        ("tf32", 1),
        ("cublas_workspace", ""),
        ("device", 0),
        ("env", ["A=1"]),
        ("env", {"A": 1}),
        ("env", {"": "x"}),
        ("env", {"A=B": "x"}),
        ("env", {"A": "\0"}),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(name: str, value: Any) -> None:
    with pytest.raises(UsageError) as caught:
        from_dict({name: value})
    assert caught.value.code == "setting-invalid"
    assert name in caught.value.message


def test_a_variable_set_twice_is_refused() -> None:
    with pytest.raises(UsageError, match="env sets A twice"):
        Settings(env=(("A", "1"), ("A", "2")))


def test_interventions_of_a_preset_are_read_sorted_and_united() -> None:
    preset = from_dict({"interventions": ["threads.one", "clock.fixed", "threads.one"]})
    assert preset.interventions == ("clock.fixed", "threads.one")
    assert merge(preset, Settings(interventions=("hash.seed",))).interventions == (
        "clock.fixed",
        "hash.seed",
        "threads.one",
    )
    assert from_dict(to_dict(preset)) == preset


@pytest.mark.parametrize("wrong", ["hash.seed", [1], {"hash.seed": True}])
def test_interventions_that_are_no_list_of_names_are_refused(wrong: object) -> None:
    with pytest.raises(UsageError, match="interventions"):
        from_dict({"interventions": wrong})
