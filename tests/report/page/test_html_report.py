"""The page as a file: what a browser may do with it, what is left out, and that nothing of the
program is read as HTML."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace

import pytest

from reproaudit.model.aligned_ops import AlignedOps
from reproaudit.model.events import Location
from reproaudit.model.identity import divergence_fingerprint, fingerprints
from reproaudit.model.packed import pack
from reproaudit.model.result import AuditResult
from reproaudit.report.page.document import measure_shell
from reproaudit.report.page.html_report import HtmlOptions
from tests.report.cases import (
    EMPTY,
    HOSTILE,
    MANY,
    NOT_AUDITED,
    ONE_DIVERGENCE,
    REPRODUCIBLE,
    STRUCTURE,
)
from tests.report.page.grown import EXCERPT, GROWN, make_growth, make_ops
from tests.report.page.page_parts import PageParts, read_payload, render_page

ATTACKS = (
    "</script><script>alert(1)</script>",
    "<!--<script>",
    '"><img src=x onerror=alert(1)>',
    "<svg onload=alert(1)>",
    "&lt;b&gt;",
    "</noscript></title></style><b>",
    "\u202egpj.exe",
    "\u2028\u2029\x00\x1b[2J",
    "\udcff\ud800",
    "##[error]x",
    "x" * 100_000,
)


def attack(text: str) -> AuditResult:
    """Return a result that has the text wherever a program could have put it."""
    (finding,) = GROWN.findings
    fix = replace(finding.fix, patch=("--- a", "+++ b", "@@ -1 +1 @@", f"-{text}"), advice=text)
    location = Location(text, 41, text)
    found = replace(
        finding,
        op=text,
        title=text,
        module=text,
        location=location,
        fix=fix,
        evidence=replace(finding.evidence, notes=(text,)),
    )
    return replace(
        HOSTILE,
        headline=text,
        subject=text,
        findings=(found, found),
        growth=make_growth(text),
        ops=make_ops(text, path=text, folder=text),
        excerpts=(replace(EXCERPT, path=text, lines=(text,) * 9),),
        environment=((text, text),),
        settings=((text, text),),
        next_commands=(text,),
        folder="",
    )


@pytest.mark.parametrize("text", ATTACKS, ids=range(len(ATTACKS)))
def test_what_a_program_says_makes_no_element_and_no_script(text: str) -> None:
    plain = PageParts(render_page(attack("plain")))
    page = render_page(attack(text))
    parts = PageParts(page)
    assert [one.tag for one in parts.elements] == [one.tag for one in plain.elements]
    assert [one.attributes for one in parts.of("script")] == [
        one.attributes for one in plain.of("script")
    ]
    assert all(letter.isprintable() or letter == "\n" for letter in page)
    assert "##[" not in page
    assert len(page) < 2 * len(render_page(attack("plain")))


def test_nothing_in_the_facts_can_end_or_hide_the_element_that_holds_them() -> None:
    page = render_page(attack("</script><!--<script>"))
    line = next(line for line in page.splitlines() if 'id="payload"' in line)
    inside = line.removeprefix('<script type="application/json" id="payload">')
    assert "<" not in inside.removesuffix("</script>")


def test_a_browser_may_run_what_we_wrote_and_ask_the_network_for_nothing() -> None:
    parts = PageParts(render_page(GROWN))
    ours = [one for one in parts.of("script") if not one.attributes]
    assert len(ours) == len(parts.of("script")) - 1 > 5
    for kind, elements in (("script-src", ours), ("style-src", parts.of("style"))):
        hashes = set()
        for element in elements:
            digest = hashlib.sha256(element.text.encode()).digest()
            hashes.add(f"'sha256-{base64.b64encode(digest).decode()}'")
        (allowed,) = re.findall(rf"{kind} ([^;]*);", parts.policy)
        assert set(allowed.split()) == hashes
    assert parts.policy.startswith("default-src 'none';")
    assert "unsafe" not in parts.policy
    assert "http" not in parts.policy
    named = [one.attributes for one in parts.elements if {"src", "href"} & one.attributes.keys()]
    assert named == [{"rel": "icon", "href": "data:,"}]


def test_a_page_without_pictures_does_not_carry_what_draws_them() -> None:
    assert "uPlot" in render_page(GROWN)
    assert "uPlot" not in render_page(ONE_DIVERGENCE)
    assert len(render_page(ONE_DIVERGENCE)) < len(render_page(GROWN)) / 2


def test_who_runs_no_scripts_reads_the_answer_and_the_fix() -> None:
    page = render_page(ONE_DIVERGENCE)
    plain = page[page.index("<noscript>") : page.index("</noscript>")]
    assert "not reproducible: train.py" in plain
    assert "examples/net/train.py:41 in forward" in plain
    assert "kernels.deterministic: verified, 5 runs with it are equal" in plain
    assert "torch.use_deterministic_algorithms(True)</pre>" in plain


def test_the_pictures_get_the_columns_of_the_result_as_they_are() -> None:
    (shown,) = read_payload(GROWN)["results"]
    assert GROWN.growth is not None
    assert GROWN.ops is not None
    assert shown["growth"]["cells"]["data"] == GROWN.growth.cells.data
    assert shown["ops"]["stretches"][0]["op"]["data"] == GROWN.ops.stretches[0].op.data


def test_every_path_starts_in_the_working_folder() -> None:
    (shown,) = read_payload(GROWN)["results"]
    assert shown["ops"]["locations"][1]["path"] == "examples/net/train.py"
    assert shown["excerpts"][0]["path"] == "examples/net/train.py"
    assert shown["findings"][0]["line"] == "examples/net/train.py:41"
    assert shown["findings"][0]["code"] == [0, 41]


@pytest.mark.parametrize("line", [1 << 60, -(1 << 60), 0])
def test_lines_that_a_browser_cannot_count_are_not_shown(line: int) -> None:
    (finding,) = GROWN.findings
    far = replace(finding, location=Location("train.py", line))
    result = replace(GROWN, findings=(far,), excerpts=(replace(EXCERPT, first_line=line),))
    (shown,) = read_payload(result)["results"]
    assert shown["findings"][0]["code"] == []


def test_without_source_no_line_of_the_program_is_on_the_page() -> None:
    (finding,) = GROWN.findings
    diff = ("--- train.py", "+++ train.py", "@@ -1 +1 @@", "-secret_of_the_program()")
    patched = replace(finding, fix=replace(finding.fix, patch=diff))
    result = replace(GROWN, findings=(patched,))
    assert "secret_of_the_program" in render_page(result)
    page = render_page(result, options=HtmlOptions(source=False))
    assert "secret_of_the_program" not in page
    assert "def forward(self, x):" not in page
    (shown,) = PageParts(page).payload["results"]
    assert shown["left_out"] == ["lines of the program were left out, as was asked for"]
    # What is to be written by hand is none of the program's.
    by_hand = render_page(GROWN, options=HtmlOptions(source=False))
    assert "torch.use_deterministic_algorithms(True)</pre>" in by_hand


NOISE = bytes((index * index * 2654435761) >> 13 & 255 for index in range(400_000))


def long_ops(rows: int) -> AlignedOps:
    ops = make_ops(rows=rows)
    (stretch,) = ops.stretches
    return replace(ops, stretches=(replace(stretch, state=pack("|u1", NOISE[:rows])),))


def test_what_does_not_fit_is_left_out_in_an_order_and_the_page_says_so() -> None:
    growth = make_growth(steps=2)
    growth = replace(growth, steps=50_000, cells=pack("|u1", NOISE[:50_000]))
    result = replace(GROWN, growth=growth, ops=long_ops(20_000))
    whole = long_ops(200_000)
    seen = []
    for room in (500_000, 200_000, 90_000, 20_000):
        options = HtmlOptions(ops=whole, most_bytes=measure_shell() + room)
        page = render_page(result, options=options)
        assert len(page.encode()) <= options.most_bytes
        (shown,) = PageParts(page).payload["results"]
        rows = 0 if shown["ops"] is None else shown["ops"]["stretches"][0]["total"]
        seen.append((rows, shown["growth"] is not None, shown["left_out"]))
    assert [found[:2] for found in seen] == [
        (200_000, True),
        (20_000, True),
        (0, True),
        (0, False),
    ]
    assert [len(found[2]) for found in seen] == [0, 1, 2, 3]
    assert seen[1][2] == [
        "the operators of both runs (200,000 rows) would make this page too large; "
        "shown are the stretches around the sources"
    ]
    assert seen[3][2][0].startswith("how the difference grows (1 tensor, 50,000 steps)")


@pytest.mark.slow
def test_long_tables_are_cut_last_and_all_findings_are_kept_where_they_fit() -> None:
    assert len(read_payload(MANY)["results"][0]["findings"]) == 10_000
    options = HtmlOptions(most_bytes=measure_shell() + 1_000_000)
    page = render_page(MANY, options=options)
    assert len(page.encode()) <= options.most_bytes
    (shown,) = PageParts(page).payload["results"]
    assert len(shown["findings"]) == 1_000
    assert shown["left_out"] == [
        "9,000 more findings would make this page too large; result.json has all"
    ]


def test_of_too_many_results_the_last_are_only_in_the_list() -> None:
    results = [replace(REPRODUCIBLE, subject=f"net{number}.py") for number in range(500)]
    options = HtmlOptions(most_bytes=measure_shell() + 300_000)
    page = render_page(*results, options=options)
    assert len(page.encode()) <= options.most_bytes
    payload = PageParts(page).payload
    kept = len(payload["results"])
    assert 50 < kept < 500
    assert len(payload["overview"]) == 500
    assert payload["left_out"] == [
        f"{500 - kept} more results would make this page too large: the table names them"
    ]


def test_operators_that_were_read_from_traces_are_shown_instead_of_those_of_the_result() -> None:
    options = HtmlOptions(ops=make_ops("aten::whole"))
    (shown,) = read_payload(GROWN, options=options)["results"]
    assert shown["ops"]["strings"] == ["", "aten::whole"]
    (shown,) = read_payload(REPRODUCIBLE, options=options)["results"]
    assert shown["ops"]["strings"] == ["", "aten::whole"]


def test_an_accepted_finding_is_marked_and_so_is_a_divergence_without_a_source() -> None:
    (mark,) = fingerprints(ONE_DIVERGENCE.subject, ONE_DIVERGENCE.findings)
    (shown,) = read_payload(ONE_DIVERGENCE, accepted=frozenset({mark}))["results"]
    assert shown["findings"][0]["accepted"] == "accepted in the baseline"
    assert shown["answer"]["accepted"] == "accepted in the baseline"
    mark = divergence_fingerprint(STRUCTURE)
    (shown,) = read_payload(STRUCTURE, accepted=frozenset({mark}))["results"]
    assert shown["answer"]["accepted"] == "accepted in the baseline"
    (shown,) = read_payload(STRUCTURE)["results"]
    assert shown["answer"]["accepted"] == ""


def test_several_results_are_listed_and_each_is_there() -> None:
    payload = read_payload(REPRODUCIBLE, ONE_DIVERGENCE, EMPTY)
    assert [row["verdict"] for row in payload["overview"]] == [
        "reproducible",
        "not-reproducible",
        "not-audited",
    ]
    assert payload["overview"][1]["where"] == (
        "aten::index_put_, examples/net/train.py:41 in forward"
    )
    assert payload["overview"][1]["fix"] == "kernels.deterministic, verified"
    assert payload["exit_code"] == 1
    assert len(payload["results"]) == 3


def test_runs_of_which_nothing_was_compared_are_not_called_equal() -> None:
    (shown,) = read_payload(NOT_AUDITED)["results"]
    assert shown["answer"]["figures"] == [{"label": "runs", "value": "5", "note": ""}]
    (shown,) = read_payload(REPRODUCIBLE)["results"]
    assert shown["answer"]["figures"][0]["note"] == "all equal"
