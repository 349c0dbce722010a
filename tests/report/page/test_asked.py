"""The page of a question other than a plain audit: what its facts are."""

from __future__ import annotations

from dataclasses import replace

from reproaudit.report.page.document import measure_shell
from reproaudit.report.page.html_report import HtmlOptions
from tests.report.cases import ONE_DIVERGENCE
from tests.report.page.grown import EXCERPT
from tests.report.page.page_parts import PageParts, read_payload, render_page
from tests.report.question_cases import (
    LOST_SCHEDULER,
    MANY_VARIATIONS,
    RESUME,
    SEEDS,
    VARY,
)


def test_the_page_of_a_plain_audit_carries_nothing_of_other_questions() -> None:
    (shown,) = read_payload(ONE_DIVERGENCE)["results"]
    assert "asked" not in shown
    assert "condition" not in shown["runs"][0]
    assert "renderVariations" not in render_page(ONE_DIVERGENCE)
    assert "renderVariations" in render_page(VARY)


def test_variations_that_share_a_dependence_are_one_group_with_its_findings() -> None:
    (shown,) = read_payload(VARY)["results"]
    groups = [(one["title"], one["answer"], one["findings"]) for one in shown["asked"]["groups"]]
    assert groups == [
        ("hash_seed=1", "a bug", [1]),
        ("timezone=Asia/Tokyo", "a bug", [2]),
        ("torch=/opt/torch-2.14", "not explained", []),
        ("threads=1 and 4", "as documented", [0]),
        ("mkldnn=off", "within tolerance", []),
    ]
    assert shown["asked"]["groups"][2]["diff"][-1] == "+torch 2.14.1"
    assert [row["tone"] for row in shown["asked"]["variations"]][:6] == [
        "bad",
        "bad",
        "warn",
        "",
        "",
        "",
    ]


def test_the_repair_at_the_top_is_that_of_the_gravest_dependence() -> None:
    (shown,) = read_payload(VARY)["results"]
    assert shown["answer"]["advice"] == "sort the set before it is iterated"


def test_lost_state_stands_beside_its_line_of_the_program() -> None:
    excerpt = replace(EXCERPT, path="train.py", first_line=25, lines=("pass",) * 20)
    (shown,) = read_payload(replace(RESUME, excerpts=(excerpt,)))["results"]
    assert shown["asked"]["lost"][0]["code"] == [0, 31]
    assert LOST_SCHEDULER.location is not None
    assert ["line", "examples/resume/train.py:31 in load (to be restored here)"] in (
        shown["asked"]["lost"][0]["facts"]
    )


def test_a_setting_that_is_undone_is_named_by_its_number() -> None:
    (shown,) = read_payload(SEEDS)["results"]
    assert [row["undoes"] for row in shown["asked"]["timeline"]] == [None, None, 1]


def test_ten_thousand_variations_are_cut_where_they_do_not_fit_and_the_page_says_so() -> None:
    (shown,) = read_payload(MANY_VARIATIONS)["results"]
    assert len(shown["asked"]["variations"]) == 10_000
    options = HtmlOptions(most_bytes=measure_shell() + 600_000)
    page = render_page(MANY_VARIATIONS, options=options)
    assert len(page.encode()) <= options.most_bytes
    (shown,) = PageParts(page).payload["results"]
    assert len(shown["asked"]["variations"]) == 1_000
    assert shown["left_out"] == [
        "9,000 more variations would make this page too large; result.json has all"
    ]
