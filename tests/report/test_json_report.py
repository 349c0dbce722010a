"""result.json: what is written is read back, what is read was written by us, and the schema says
the same."""

from __future__ import annotations

import copy
import json
import math
from dataclasses import replace
from typing import Any

import jsonschema
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reproaudit.errors import ReproauditError
from reproaudit.model.aligned_ops import AlignedOps, Stretch
from reproaudit.model.difference import Difference
from reproaudit.model.events import Change, Location, NotChecked, ProgramWarning, Unchecked
from reproaudit.model.excerpt import Excerpt
from reproaudit.model.growth import Distances, Growth, GrowthTensor
from reproaudit.model.packed import ITEM_BYTES, Packed
from reproaudit.model.result import (
    Alert,
    AuditResult,
    Confidence,
    Evidence,
    Finding,
    Fix,
    RunSummary,
    TensorDivergence,
)
from reproaudit.model.verdict import Verdict
from reproaudit.report.json_report import from_json, schema_text, to_json
from tests.report.cases import CASES, EMPTY, NOT_AUDITED, ONE_DIVERGENCE, UNICODE, WITHIN_TOLERANCE

SCHEMA = json.loads(schema_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def few(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(strategy, max_size=2).map(tuple)


# Also what os.fsdecode makes of bytes that are not UTF-8.
texts = st.text(
    st.characters(codec="utf-8") | st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF),
    max_size=5,
)


def tables(values: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.dictionaries(texts, values, max_size=2).map(lambda table: tuple(table.items()))


differences = st.builds(
    Difference, first_index=st.none() | few(st.integers()), ulp_histogram=tables(st.integers())
)
findings = st.builds(
    Finding,
    title=texts,
    evidence=st.builds(Evidence, notes=few(texts)),
    difference=st.none() | differences,
    fix=st.none() | st.builds(Fix, settings=few(texts), advice=texts),
)
columns = st.builds(Packed, dtype=st.sampled_from(tuple(ITEM_BYTES)), data=texts)
growths = st.builds(
    Growth,
    tensors=few(st.builds(GrowthTensor, name=texts, tensor=texts, process=texts)),
    histograms=few(st.builds(Distances, ulp_histogram=tables(st.integers()))),
    **dict.fromkeys(("cells", "at", "differing", "max_ulp", "max_abs"), columns),
)
aligned_ops = st.builds(
    AlignedOps,
    folders=st.tuples(texts, texts),
    strings=few(texts),
    locations=few(st.builds(Location, path=texts, cell=st.integers(0))),
    stretches=few(
        st.builds(
            Stretch,
            process=texts,
            **dict.fromkeys(("state", "phase", "op", "module", "location", "step"), columns),
        )
    ),
    left_out_rows=st.integers(),
)
results = st.builds(
    AuditResult,
    headline=texts,
    subject=texts,
    runs=few(st.builds(RunSummary)),
    classes=few(few(st.integers())),
    confidence=st.builds(Confidence),
    findings=few(findings),
    divergences=few(st.builds(TensorDivergence, difference=st.none() | differences)),
    divergences_total=st.integers(),
    alerts=few(st.builds(Alert)),
    warnings=few(st.builds(ProgramWarning, message=texts)),
    changes=few(st.builds(Change)),
    not_checked=few(st.builds(NotChecked)),
    compared=tables(st.integers()),
    settings=tables(texts),
    environment=tables(texts),
    next_commands=few(texts),
    excerpts=few(st.builds(Excerpt, path=texts, lines=few(texts), cell=st.integers(0))),
    growth=st.none() | growths,
    ops=st.none() | aligned_ops,
    schema=st.just(2),
)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(results)
@example(ONE_DIVERGENCE)
@example(WITHIN_TOLERANCE)
@example(UNICODE)
def test_a_result_is_read_back_as_it_was_written_and_fits_the_schema(result: AuditResult) -> None:
    text = to_json(result)
    # repr, since NaN is not equal to itself
    assert repr(from_json(text)) == repr(result)
    assert to_json(from_json(text)) == text
    VALIDATOR.validate(json.loads(text))


@pytest.mark.parametrize("case", CASES)
def test_every_case_fits_the_schema(case: str) -> None:
    # A hundred findings are as good as ten thousand here, and a hundred times faster.
    result = replace(CASES[case], findings=CASES[case].findings[:100])
    assert list(VALIDATOR.iter_errors(json.loads(to_json(result)))) == []


OPTIONAL = (
    "answer",
    "cell",
    "condition",
    "environment_diff",
    "excerpts",
    "flag",
    "growth",
    "hardware",
    "held",
    "loaded_runs",
    "ops",
    "other_hardware",
    "prepares_update",
    "question",
    "reference",
    "resumption",
    "streams",
    "timeline",
    "variation",
    "variations",
)


def test_the_schema_is_itself_valid_and_allows_no_unknown_key_in_any_object() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    objects = [SCHEMA, *SCHEMA["$defs"].values(), SCHEMA["$defs"]["run"]["properties"]["outcome"]]
    for entry in (entry for entry in objects if entry.get("type") == "object"):
        assert entry["additionalProperties"] is False
        assert entry["required"] == [name for name in entry["properties"] if name not in OPTIONAL]


def test_the_schema_lists_every_code_of_what_was_not_checked() -> None:
    codes = SCHEMA["$defs"]["not_checked"]["properties"]["code"]["enum"]
    assert codes == [code.value for code in Unchecked]


def test_the_keys_that_scoring_scripts_read_are_where_the_contract_says() -> None:
    document = json.loads(to_json(ONE_DIVERGENCE))
    assert (document["schema"], document["verdict"], document["steps"]) == (
        2,
        "not-reproducible",
        10,
    )
    assert document["classes"] == [[0, 2], [1], [3], [4]]
    assert (document["confidence"]["level"], document["confidence"]["divergence_rate_at_most"]) == (
        0.95,
        None,
    )
    assert document["environment"]["torch"] == "2.13.0"
    (finding,) = document["findings"]
    assert (finding["rule"], finding["cause"], finding["phase"], finding["step"]) == (
        "RA401",
        "kernel",
        "backward",
        0,
    )
    assert (finding["op"], finding["module"]) == ("aten::index_put_", "layers.1")
    assert finding["location"] == {"path": "train.py", "line": 41, "function": "forward"}
    assert finding["evidence"]["declared"] is False
    assert finding["evidence"]["switched"] is True
    assert finding["difference"]["ulp_histogram"] == {"1": 3000, "2": 700, "4": 112}
    assert finding["fix"]["settings"] == ["kernels.deterministic"]


def test_runs_counts_the_runs_that_decided_and_not_those_that_located() -> None:
    document = json.loads(to_json(ONE_DIVERGENCE))
    assert document["runs"] == 5
    assert [run["level"] for run in document["run_details"]] == ["boundary"] * 5 + ["operation"] * 2
    assert json.loads(to_json(replace(ONE_DIVERGENCE, classes=())))["runs"] == 5


def test_infinities_and_nan_are_texts_and_come_back_as_numbers() -> None:
    confidence = Confidence(math.inf, math.nan)
    text = to_json(replace(EMPTY, confidence=confidence))
    written = json.loads(text)["confidence"]
    assert (written["level"], written["divergence_rate_at_most"]) == ("inf", "nan")
    assert from_json(text).confidence.level == math.inf
    assert repr(from_json(text).confidence.divergence_rate_at_most) == "nan"


def test_result_json_is_printable_ascii_indented_by_one() -> None:
    text = to_json(UNICODE)
    assert text.replace("\n", "").isascii()
    assert text.startswith('{\n "schema": 2,\n "verdict": "not-reproducible",\n')
    assert text.endswith("\n}\n")


REFUSED = {
    "empty": (" \n", "it is empty"),
    "text": ("Traceback (most recent call last):", "it is not JSON"),
    "a-list": ("[]", "not the result of an audit"),
    "other-json": ('{"version": "2.1.0", "runs": []}', "not the result of an audit"),
    "a-trace": ('{"magic": "reproaudit-trace", "format": 1}', "header of a recorded run"),
    "deep": ("[" * 100_000, "it is not JSON: nested too deeply"),
    "long-number": ('{"schema": ' + "1" * 5_000 + "}", "or a number too long"),
    "bare-nan": ('{"schema": 2, "verdict": NaN}', "NaN is no JSON number"),
    "repeated-key": ('{"schema": 2, "schema": 2, "verdict": "reproducible"}', "a key twice"),
    "no-keys": ('{"schema": 2, "verdict": "reproducible"}', "at the top: no key 'runs'"),
    "text-schema": (
        '{"schema": "1", "verdict": "reproducible"}',
        "schema is '1', not a whole number",
    ),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_what_is_no_result_is_refused_and_says_what_it_is(fault: str) -> None:
    text, message = REFUSED[fault]
    with pytest.raises(ReproauditError) as caught:
        from_json(text, "saved.json")
    assert caught.value.code == "result-corrupt"
    assert caught.value.hint
    assert caught.value.message.startswith("cannot read 'saved.json': ")
    assert message in caught.value.message


def test_another_schema_number_names_both_numbers_and_the_way_out() -> None:
    text = to_json(EMPTY).replace('"schema": 2', '"schema": 1')
    with pytest.raises(ReproauditError, match="its schema is 1, this reproaudit reads 2") as caught:
        from_json(text)
    assert caught.value.code == "result-version"
    assert "audit again" in caught.value.hint


WRONG: dict[str, tuple[tuple[str | int, ...], object, str]] = {
    "a text for a line": (
        ("findings", 0, "location", "line"),
        "4",
        "findings[0].location.line: expected a whole ",
    ),
    "true for a count": (
        ("findings", 0, "count"),
        True,
        "findings[0].count: expected a whole number, found true",
    ),
    "another verdict": (("verdict",), "maybe", "verdict: expected one of reproducible, "),
    "another outcome": (
        ("run_details", 2, "outcome", "kind"),
        "",
        "run_details[2].outcome.kind: expected one of ",
    ),
    "three runs in a pair": (
        ("divergences", 0, "runs"),
        [0, 1, 2],
        "divergences[0].runs: expected 2 values",
    ),
    "null for a text": (
        ("environment", "torch"),
        None,
        "environment['torch']: expected a text, found null",
    ),
    "a huge number": (
        ("confidence", "level"),
        10**400,
        "confidence.level: the number is too large",
    ),
    "a wrong number of runs": (("runs",), 7, "runs is 7, but 5 runs are in classes"),
    "an unknown key": (
        ("findings", 0, "sever\x1bity"),
        1,
        "findings[0]: unknown key 'sever\\x1bity'",
    ),
}


@pytest.mark.parametrize("fault", WRONG)
def test_a_wrong_value_is_refused_and_its_place_is_named(fault: str) -> None:
    path, value, message = WRONG[fault]
    document = json.loads(to_json(ONE_DIVERGENCE))
    put(document, path, value)
    with pytest.raises(ReproauditError) as caught:
        from_json(json.dumps(document))
    assert caught.value.code == "result-corrupt"
    assert message in caught.value.message


def test_a_document_without_its_runs_is_refused_by_the_document_s_own_key() -> None:
    for key in ("runs", "run_details", "classes"):
        document = json.loads(to_json(ONE_DIVERGENCE))
        del document[key]
        with pytest.raises(ReproauditError, match=f"at the top: no key '{key}'"):
            from_json(json.dumps(document))


def put(document: Any, path: tuple[str | int, ...], value: object) -> None:
    for key in path[:-1]:
        document = document[key]
    document[path[-1]] = value


def places(node: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    inner = (
        node.items()
        if isinstance(node, dict)
        else enumerate(node)
        if isinstance(node, list)
        else ()
    )
    return [place for key, value in inner for place in [(*path, key), *places(value, (*path, key))]]


DOCUMENT = json.loads(to_json(ONE_DIVERGENCE))
VALUES: list[object] = [None, True, -1, 0.5, "x", "inf", [], {}, [0, 1], {"x": 1}]


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    st.sampled_from(places(DOCUMENT)), st.sampled_from(VALUES) | st.just("DELETE") | st.just("ADD")
)
def test_the_reader_accepts_exactly_what_the_schema_allows(
    path: tuple[str | int, ...], value: object
) -> None:
    document = copy.deepcopy(DOCUMENT)
    parent = document
    for key in path[:-1]:
        parent = parent[key]
    if value == "DELETE":
        del parent[path[-1]]
    elif value == "ADD":
        parent.insert(0, None) if isinstance(parent, list) else parent.update({"added": None})
    else:
        parent[path[-1]] = value
    try:
        from_json(json.dumps(document))
        is_accepted = True
    except ReproauditError as error:
        # The one thing that the schema cannot say: `runs` follows from the classes.
        is_accepted = "runs are in classes" in error.message and type(document["runs"]) is int
    assert is_accepted == VALIDATOR.is_valid(document)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.integers(0, len(to_json(NOT_AUDITED)) - 3))
def test_a_cut_file_is_refused(length: int) -> None:
    with pytest.raises(ReproauditError, match="result-corrupt"):
        from_json(to_json(NOT_AUDITED)[:length])


def test_a_whole_number_where_a_real_one_belongs_is_read_as_real() -> None:
    document = json.loads(to_json(EMPTY))
    document["confidence"]["level"] = 1
    level = from_json(json.dumps(document)).confidence.level
    assert (level, type(level)) == (1.0, float)


def test_the_verdict_that_is_read_is_the_model_s() -> None:
    assert from_json(to_json(EMPTY)).verdict is Verdict.NOT_AUDITED
