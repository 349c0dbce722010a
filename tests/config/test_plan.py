from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reproaudit.config.plan import RunPlan, Target, from_json, to_json
from reproaudit.config.settings import Settings
from reproaudit.config.subject import (
    InputSpec,
    SubjectKind,
    SubjectSpec,
)
from reproaudit.errors import UsageError
from reproaudit.model.events import Level

COUNT = st.integers(0, 2**31)
TEXT = st.text()  # lone surrogates too: a file name that is no UTF-8 holds them

ARGUMENTS = st.lists(TEXT, max_size=3).map(tuple)
NAME = st.text(min_size=1)
FOLDER = TEXT.map(Path)

any_subject = st.one_of(
    st.builds(SubjectSpec, st.just(SubjectKind.SCRIPT), FOLDER, path=NAME, argv=ARGUMENTS),
    st.builds(
        SubjectSpec,
        st.just(SubjectKind.ATTRIBUTE),
        FOLDER,
        path=NAME,
        attribute=NAME,
        argv=ARGUMENTS,
    ),
    st.builds(
        SubjectSpec,
        st.just(SubjectKind.ATTRIBUTE),
        FOLDER,
        module=NAME,
        attribute=NAME,
        inputs=st.just((InputSpec("float32", (2, 0)), InputSpec("bool", ()))),
    ),
)
any_plan = st.builds(
    RunPlan,
    trace_dir=FOLDER,
    subject=any_subject,
    level=st.sampled_from(Level),
    steps=st.none() | st.integers(1),
    settings=st.just(Settings(seed=1, env=(("A", "b"),))),
    values_mb=COUNT,
    alerts=st.booleans(),
    digests=st.booleans(),
    targets=st.lists(
        st.builds(Target, TEXT, TEXT, COUNT, st.integers(0, 3), COUNT, COUNT, COUNT), max_size=2
    ).map(tuple),
    keep=st.lists(st.tuples(COUNT, TEXT, COUNT), max_size=2).map(tuple),
    extra=st.dictionaries(TEXT, TEXT, max_size=2),
)

PLAN = RunPlan(
    Path("/t/0"),
    SubjectSpec(SubjectKind.SCRIPT, Path("/t"), path="train.py"),
    targets=(Target("aten::mm", "a.py", 3, 1, 0, 0),),
)


@given(any_plan)
def test_a_plan_survives_being_written_and_read(plan: RunPlan) -> None:
    text = to_json(plan)
    text.encode("utf-8")
    assert from_json(text) == plan


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("format",), 2),
        (("unknown",), 1),
        (("trace_dir",), 1),
        (("steps",), 0),
        (("steps",), "all"),
        (("steps",), True),
        (("level",), "everything"),
        (("level",), None),
        (("values_mb",), -1),
        (("values_mb",), 1.0),
        (("alerts",), 1),
        (("subject",), None),
        (("subject", "kind"), "attribute"),
        (("subject", "kind"), "test"),
        (("subject", "program"), "torchrun"),
        (("subject", "argv"), [1]),
        (("subject", "inputs"), "x"),
        (("subject", "extra"), 1),
        (("subject", "module"), "a.b"),
        (("settings",), []),
        (("targets",), {}),
        (("targets",), [1]),
        (("targets", 0, "phase"), 5),
        (("targets", 0, "step"), "0"),
        (("keep",), [[1, "a"]]),
        (("keep",), [["a", 1, 1]]),
        (("extra",), {"a": 1}),
    ],
)
def test_a_plan_with_one_wrong_value_is_refused(path: tuple[Any, ...], value: Any) -> None:
    document = json.loads(to_json(PLAN))
    place = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(UsageError) as caught:
        from_json(json.dumps(document))
    assert caught.value.code == "plan-invalid"


@pytest.mark.parametrize("name", sorted(json.loads(to_json(PLAN))))
def test_a_plan_that_lacks_a_key_is_refused(name: str) -> None:
    document = json.loads(to_json(PLAN))
    del document[name]
    with pytest.raises(UsageError, match=name):
        from_json(json.dumps(document))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "1"])
def test_a_plan_that_is_no_table_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        from_json(text)
    assert caught.value.code == "plan-invalid"
