"""The report on a screen, piece by piece; what a whole one looks like is in tests/gold/report."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest

from reproaudit.model.events import Change, EventKind, Location, Phase, ProgramWarning
from reproaudit.model.result import AuditResult, Confidence, Evidence, Fix, TensorDivergence
from reproaudit.report.terminal import TerminalOptions, TerminalReport
from tests.report.cases import (
    CASES,
    INDEX_PUT,
    MANY,
    NOT_AUDITED,
    ONE_DIVERGENCE,
    REPRODUCIBLE,
    STRUCTURE,
    UNICODE,
    WITHIN_TOLERANCE,
)

ANSI = re.compile(r"\x1b\[[0-9;]*m")


def shown(result: AuditResult, colour: bool = False, width: int = 100, max_rows: int = 20) -> str:
    return TerminalReport(TerminalOptions(colour, width, max_rows)).render(result)


def section(text: str, title: str) -> list[str]:
    """Return the lines under a title, without their indent."""
    block = next(block for block in text.split("\n\n") if block.startswith(title))
    return [line[2:] for line in block.rstrip("\n").split("\n")[1:]]


@pytest.mark.parametrize(
    ("case", "word"),
    [
        ("reproducible", "reproducible: 5 runs are bitwise equal"),
        (
            "one-divergence",
            "not reproducible: 5 runs, 4 distinct; first differs in the backward pass of step 0 "
            "at ",
        ),
        ("within-tolerance", "within tolerance: 5 runs"),
        ("not-audited", "not audited: all 5 runs failed alike"),
    ],
)
def test_the_first_line_answers_the_question(case: str, word: str) -> None:
    assert shown(CASES[case]).split("\n")[0].startswith(word)


def test_a_result_without_a_headline_still_says_its_verdict() -> None:
    assert shown(CASES["empty"]).split("\n")[0] == "not audited"


@pytest.mark.parametrize("case", CASES)
def test_no_line_ends_in_white_space_and_no_two_are_empty_in_a_row(case: str) -> None:
    text = shown(CASES[case], colour=True)
    assert not re.search(r"[ \t]\n|\n\n\n", text)


@pytest.mark.parametrize("case", CASES)
def test_colour_adds_escape_sequences_and_changes_nothing_else(case: str) -> None:
    assert "\x1b" not in shown(CASES[case])
    assert ANSI.sub("", shown(CASES[case], colour=True)) == shown(CASES[case])


@pytest.mark.parametrize(
    ("case", "colour"), [("reproducible", "32"), ("one-divergence", "31"), ("not-audited", "33")]
)
def test_the_verdict_s_colour_follows_the_verdict(case: str, colour: str) -> None:
    assert shown(CASES[case], colour=True).startswith(f"\x1b[1;{colour}m")


@pytest.mark.parametrize("width", [80, 100, 140])
def test_below_the_first_line_nothing_is_wider_than_asked(width: int) -> None:
    cases = (
        "reproducible",
        "one-divergence",
        "structure-change",
        "unicode",
        "within-tolerance",
        "not-audited",
    )
    lines = [line for case in cases for line in shown(CASES[case], width=width).split("\n")[1:]]
    assert [line for line in lines if len(line) > width] == []


def test_the_tables_of_ten_thousand_findings_keep_to_the_width_by_cutting_names() -> None:
    text = shown(MANY)
    assert max(len(line) for line in text.split("\n")[1:]) <= 100
    assert "…" in text


def test_each_kind_of_evidence_is_told_as_yes_no_or_not_looked_at() -> None:
    lines = "\n".join(section(shown(ONE_DIVERGENCE), "Where"))
    answers = re.findall(r"(\w+)  (yes|no|-) ", lines)
    assert answers == [
        ("observed", "yes"),
        ("replayed", "yes"),
        ("declared", "no"),
        ("switched", "yes"),
    ]


def test_without_any_evidence_looked_at_no_table_of_dashes_is_shown() -> None:
    finding = replace(INDEX_PUT, evidence=Evidence(notes=("time.time returned another result",)))
    lines = section(shown(replace(ONE_DIVERGENCE, findings=(finding,))), "Where")
    assert "evidence    time.time returned another result" in lines
    assert not [line for line in lines if "observed" in line]


def test_a_fix_that_was_not_tried_is_not_called_verified() -> None:
    finding = replace(INDEX_PUT, fix=Fix(advice="seed the generator"))
    lines = section(shown(replace(ONE_DIVERGENCE, findings=(finding,), reproducer="")), "Where")
    assert lines[-2:] == ["fix         seed the generator", "            not verified"]


def test_a_verified_fix_says_with_how_many_runs_and_what_it_costs() -> None:
    lines = [line.strip() for line in section(shown(ONE_DIVERGENCE), "Where")]
    assert "kernels.deterministic: verified, 5 runs with it are equal, no measurable cost" in lines
    assert lines[-3:-1] == ["in code     import torch", "torch.use_deterministic_algorithms(True)"]


def test_what_was_tried_is_told_also_where_it_was_of_no_use() -> None:
    rows = [line.split("  ")[-1].strip() for line in section(shown(ONE_DIVERGENCE), "Tried")[2:]]
    assert rows == [
        "2 runs, not equal",
        "the program ended otherwise with it: SIGKILL",
        "5 runs, all equal",
    ]


def test_a_list_of_sources_is_called_complete_only_if_it_was_proven() -> None:
    texts = {
        state: shown(replace(ONE_DIVERGENCE, is_complete=state)) for state in (True, False, None)
    }
    assert [state for state, text in texts.items() if "all sources are listed" in text] == [True]
    assert [state for state, text in texts.items() if "there may be further sources" in text] == [
        False
    ]


def test_one_finding_is_told_whole_and_the_others_as_rows() -> None:
    text = shown(UNICODE)
    assert (
        section(text, "Where: the first of 2 findings")[0]
        == "line        examples/net/Übungen/naïve façade.py:3 in größe"
    )
    assert [line.split() for line in section(text, "Other findings")[2:]] == [
        ["examples/net/данные.py:8", "data", "0", "clock"]
    ]
    assert "Other findings" not in shown(ONE_DIVERGENCE)


def test_a_divergence_without_a_finding_admits_that_no_source_was_located() -> None:
    assert section(shown(STRUCTURE), "Where") == ["no source was located"]
    assert "Where" not in shown(REPRODUCIBLE)


def test_rows_past_the_cap_are_counted_and_said_to_be_in_the_json_report_only_if_they_are() -> None:
    text = shown(MANY, max_rows=3)
    assert section(text, "Other findings")[-1] == "… and 9,996 more (all in the JSON report)"
    assert section(text, "What differs")[-2:] == [
        "… and 197 more (all in the JSON report)",
        "… and 940 more, later in the runs",
    ]
    assert len(section(text, "What differs")) == 2 + 3 + 2
    last = section(shown(ONE_DIVERGENCE), "What differs")[-1]
    assert last == "… and 1,138 more, later in the runs"
    assert "… and 1 more (all in the JSON report)" in section(
        shown(REPRODUCIBLE, max_rows=1), "Not checked"
    )


def test_a_report_is_as_long_for_ten_thousand_findings_as_for_a_hundred() -> None:
    fewer = replace(MANY, findings=MANY.findings[:100])
    assert shown(MANY).count("\n") == shown(fewer).count("\n")


def test_the_runs_of_a_divergence_stand_in_the_title_unless_the_rows_disagree() -> None:
    assert "What differs between runs 0 and 1\n" in shown(ONE_DIVERGENCE)
    rows = tuple(
        TensorDivergence(EventKind.OUTPUT, "loss", 0, Phase.FORWARD, (0, other)) for other in (1, 3)
    )
    lines = section(shown(replace(ONE_DIVERGENCE, divergences=rows)), "What differs")
    assert [line.split()[-2:] for line in lines[2:4]] == [["0,", "1"], ["0,", "3"]]


def test_an_infinite_difference_and_a_distance_of_billions_are_shown() -> None:
    row = section(shown(WITHIN_TOLERANCE), "What differs")[-1].split()
    assert row[3:6] == ["2/9", "4.6e+18", "inf"]
    assert section(shown(WITHIN_TOLERANCE), "What differs")[-1].endswith(
        "1 NaN on one side, 1 NaN payload"
    )


def test_runs_that_end_differently_are_tabulated_and_runs_that_end_well_alike_are_not() -> None:
    lines = section(shown(STRUCTURE), "Runs")
    cells = ["1", "raised (1)", "7", "1,181", "RuntimeError: tensors of unequal size"]
    assert re.split(r"\s{2,}", lines[3].strip()) == cells
    assert "Runs\n" in shown(NOT_AUDITED)
    assert "Runs\n" not in shown(REPRODUCIBLE)
    assert "Runs\n" not in shown(ONE_DIVERGENCE)


def test_equal_runs_say_what_rate_they_rule_out_and_the_bound_is_never_rounded_down() -> None:
    expected = (
        "no difference in 5 runs: a divergence rate above 45.1 % is ruled out at 95 % confidence"
    )
    assert section(shown(REPRODUCIBLE), "How sure")[0] == expected
    rare = replace(REPRODUCIBLE, confidence=Confidence(0.999, 0.12301))
    assert section(shown(rare), "How sure")[0].endswith(
        "above 12.4 % is ruled out at 99.9 % confidence"
    )


def test_runs_that_differ_claim_no_bound() -> None:
    for result in (ONE_DIVERGENCE, WITHIN_TOLERANCE, NOT_AUDITED):
        assert "ruled out" not in shown(replace(result, confidence=Confidence(0.95, 0.5)))


def test_a_confidence_that_is_no_number_is_shown_as_it_is() -> None:
    odd = replace(REPRODUCIBLE, confidence=Confidence(math.nan, math.inf))
    assert "above inf % is ruled out at nan % confidence" in shown(odd)


def test_a_command_to_type_next_is_never_wrapped() -> None:
    command = "reproaudit train.py " + "--set name=value " * 20 + "--runs 9"
    assert section(shown(replace(REPRODUCIBLE, next_commands=(command,))), "Next") == [command]


def test_a_setting_that_is_changed_again_and_again_takes_one_line() -> None:
    place = Location("train.py", 3, "main")
    there = Change("cudnn.deterministic", "False", "True", place)
    back = Change("cudnn.deterministic", "True", "False", place)
    other = Change("tf32", "off", "on", None)
    result = replace(REPRODUCIBLE, changes=(there, back, other, there))
    assert section(shown(result), "Settings that the program changed") == [
        "cudnn.deterministic: False → True, train.py:3 in main (3 changes)",
        "tf32: off → on",
    ]


def test_a_finding_without_operator_shows_its_call_in_the_table() -> None:
    drawn = replace(INDEX_PUT, op=None, call="random.randint")
    rows = section(shown(replace(ONE_DIVERGENCE, findings=(INDEX_PUT, drawn))), "Other findings")
    assert rows[0].startswith("op or call")
    assert rows[2].startswith("random.randint  examples/net/train.py:41")


def test_the_figures_of_the_first_line_are_not_repeated() -> None:
    text = shown(REPRODUCIBLE)
    assert text.count("120 gradients") == 1
    assert "audited: train.py" in section(text, "How sure")


def test_the_reason_for_further_runs_is_in_the_report() -> None:
    result = replace(REPRODUCIBLE, further_runs=3, further_because="it starts threads")
    why = "5 runs instead of 2, because equal runs showed that the program could differ: it starts"
    assert why in " ".join(line.strip() for line in section(shown(result), "How sure"))


def test_settings_of_libraries_for_gpus_are_shown_only_where_one_was_used() -> None:
    changes = tuple(
        Change(name, "False", "True")
        for name in ("cudnn.benchmark", "cuda.matmul.fp32_precision", "threads")
    )
    on_cpu = replace(ONE_DIVERGENCE, changes=changes, environment=(("cpu capability", "AVX2"),))
    on_gpu = replace(on_cpu, environment=(*on_cpu.environment, ("gpu", "NVIDIA H200")))
    title = "Settings that the program changed"
    assert section(shown(on_cpu), title) == ["threads: False → True"]
    assert len(section(shown(on_gpu), title)) == 3


def test_runs_that_all_differ_are_not_listed_as_groups_of_equal_ones() -> None:
    result = replace(ONE_DIVERGENCE, classes=((0,), (1,), (2,)))
    lines = [line.strip() for line in section(shown(result), "How sure")]
    assert "no two runs are equal" in lines


def test_of_a_hundred_thousand_warnings_only_those_that_are_shown_are_laid_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    laid_out: list[str] = []

    def wrap(text: str, width: int) -> list[str]:
        laid_out.append(text)
        return [text]

    monkeypatch.setattr("reproaudit.report.terminal.wrap_entry", wrap)
    warning = ProgramWarning("the same again")
    result = replace(REPRODUCIBLE, warnings=(warning,) * 100_000)
    text = shown(result)
    assert laid_out.count("the same again") == 20
    assert "… and 99,980 more" in text
