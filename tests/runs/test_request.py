"""What a request makes of the plan of a plain run."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

from reproaudit.config.plan import RunPlan
from reproaudit.config.portions import Portions
from reproaudit.config.settings import Settings, make_environment
from reproaudit.config.subject import SubjectKind, SubjectSpec
from reproaudit.model.events import Level
from reproaudit.runs.request import RunRequest

PLAN = RunPlan(
    trace_dir=Path("traces/run"),
    subject=SubjectSpec(SubjectKind.SCRIPT, Path(), path="train.py"),
    steps=10,
    values_mb=16,
)


def test_a_plain_request_leaves_the_plan_as_it_is() -> None:
    assert RunRequest(name="run", index=0, what="running").change_plan(PLAN) == PLAN


def test_a_run_that_is_given_its_rows_otherwise_is_one_of_a_changed_program() -> None:
    request = RunRequest(name="run", index=0, what="running")
    assert not request.is_changed
    assert replace(request, portions=Portions(size=4)).is_changed


def test_steps_and_values_of_a_request_win_even_where_they_are_zero() -> None:
    request = RunRequest(
        name="run", index=0, what="running", steps=2, values_mb=0, level=Level.OPERATION
    )
    plan = request.change_plan(PLAN)
    assert (plan.steps, plan.values_mb, plan.level) == (2, 0, Level.OPERATION)


def test_a_request_can_say_all_that_a_plan_says_of_recording() -> None:
    given_by_the_lab = {
        *("trace_dir", "subject", "settings", "extra", "steps_of_children", "copies"),
    }
    asked = {field.name for field in fields(RunRequest)}
    assert {field.name for field in fields(RunPlan)} - given_by_the_lab <= asked


def test_interventions_and_variables_join_the_settings() -> None:
    request = RunRequest(
        name="run",
        index=0,
        what="running",
        interventions=("hash.seed",),
        variables=(("A", "b"),),
    )
    settings = request.change_settings(Settings(seed=3))
    assert (settings.seed, settings.hash_seed, settings.env) == (3, 0, (("A", "b"),))


def test_a_variation_wins_over_a_variable_that_all_runs_are_given() -> None:
    request = RunRequest(name="run", index=0, what="running", settings=Settings(hash_seed=1))
    settings = request.change_settings(Settings(env=(("A", "b"), ("PYTHONHASHSEED", "0"))))
    assert make_environment(settings) == {"A": "b", "PYTHONHASHSEED": "1"}


def test_children_make_no_more_steps_than_a_request_asks_for() -> None:
    plan = replace(PLAN, steps=None, steps_of_children=10)
    request = RunRequest(name="run", index=0, what="running", steps=2)
    assert request.change_plan(plan).steps_of_children == 2
    longer = replace(request, steps=12)
    assert longer.change_plan(plan).steps_of_children == 10
