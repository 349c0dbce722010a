"""What no tracker is told of a question's answer."""

from __future__ import annotations

from dataclasses import replace

from reproaudit.track.facts import list_facts
from reproaudit.track.withheld import withhold_from_result
from tests.report.question_cases import RESUME, VARY


def test_values_of_variables_that_sound_like_secrets_are_told_to_no_tracker() -> None:
    outcome = replace(
        VARY.variations[2],
        name="env.API_TOKEN",
        value="hunter2",
        environment_diff=("-API_TOKEN=hunter2", "+OMP_NUM_THREADS=1"),
    )
    result = replace(
        VARY,
        variations=(outcome,),
        runs=(VARY.runs[0], replace(VARY.runs[3], condition=outcome.setting)),
        findings=(
            VARY.findings[0],
            replace(VARY.findings[1], variation=outcome.setting),
        ),
    )
    told, _ = withhold_from_result(result, frozenset())
    assert "hunter2" not in repr(told)
    assert told.variations[0].setting == "env.API_TOKEN=(withheld)"
    assert told.runs[1].condition == told.findings[1].variation == told.variations[0].setting
    assert told.variations[0].environment_diff[1] == "+OMP_NUM_THREADS=1"
    assert told.findings[0] == VARY.findings[0]
    files = b"".join(content for _, content in list_facts(result).files)
    assert b"hunter2" not in files


def test_the_command_of_a_resumed_run_keeps_its_secrets() -> None:
    assert RESUME.resumption is not None
    command = "python train.py --api-key hunter2 --lr 0.1"
    resumption = replace(RESUME.resumption, command=command)
    told, _ = withhold_from_result(replace(RESUME, resumption=resumption), frozenset())
    assert told.resumption is not None
    assert told.resumption.command == "python train.py --api-key '(withheld)' --lr 0.1"
