"""Owns result.json: an AuditResult as JSON and back, checked key by key on the way in.

Format history (the key "schema"; any key that is added, dropped or retyped is a new number)
  1  first version
  2  warnings are objects with a rule and a location; what was not checked has a code; a divergence
     says in other_tensor, only_in and is_reordered what its note said in words

`result_schema.json` describes it for others. JSON has no infinities and no NaN: they are the texts
"inf", "-inf" and "nan". Everything that is not printable ASCII is escaped, so the file can be shown
in any terminal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, NoReturn

from reproaudit.codec import Malformed, decode, encode, parse_json, quote
from reproaudit.errors import ReproauditError, UsageError
from reproaudit.model.events import Level
from reproaudit.model.result import RESULT_SCHEMA, AuditResult
from reproaudit.report.json_text import write_json

MOST_RESULT_BYTES = 32 << 20  # that are read; they take up to thirty times as much memory
_HINT = "give the file that --report json=result.json wrote, or audit again"


@dataclass(frozen=True, slots=True)
class JsonReport:
    def render_all(
        self, results: Sequence[AuditResult], accepted: frozenset[str] = frozenset()
    ) -> str:
        """Return result.json, which holds one result: any other number is a UsageError."""
        if len(results) != 1:
            raise UsageError(
                f"a JSON report holds one result, not {len(results)}",
                code="report-one-result",
                hint="keep one result.json for each subject with --out DIR, or name another format",
            )
        return to_json(results[0])


def to_json(result: AuditResult) -> str:
    """Return result.json, the same bytes for the same result."""
    body = encode(AuditResult, result)
    # The number first, so that a reader knows early what it reads; `runs` keeps its place and
    # becomes how many decided.
    document = {"schema": body.pop("schema")}
    document |= body
    document["runs"] = count_deciding_runs(result)
    document["run_details"] = body["runs"]
    # What begins a command for some CI services, wherever in a line it stands.
    return write_json(document).replace("##[", r"\u0023#[")


def from_json(text: str, name: str = "result") -> AuditResult:
    """Read what `to_json` wrote. Anything else is a ReproauditError that calls the text `name`.

    Codes: result-version for another schema number, result-corrupt for all other faults.
    """
    document = _parse(text, name)
    try:
        _check_version(document, name)
        return _read(document)
    except Malformed as fault:
        place = fault.where.lstrip(".") or "at the top"
        _refuse(name, f"{place}: {fault.fault}", hint=fault.hint or _HINT)


def schema_text() -> str:
    """Return the JSON Schema (draft 2020-12) of result.json."""
    return files("reproaudit.report").joinpath("result_schema.json").read_text(encoding="utf-8")


def _read(document: dict[str, Any]) -> AuditResult:
    for key in ("runs", "run_details"):
        if key not in document:
            raise Malformed(f"no key {key!r}")
    runs = document.pop("runs")
    try:
        result: AuditResult = decode(AuditResult, document | {"runs": document.pop("run_details")})
    except Malformed as fault:
        # The model calls `runs` what the document calls `run_details`.
        first, bracket, rest = fault.where.removeprefix(".").partition("[")
        if first == "runs":
            first = "run_details"
        fault.where = f"{first}{bracket}{rest}"
        raise
    deciding = count_deciding_runs(result)
    # True would equal 1.
    if type(runs) is not int or runs != deciding:
        raise Malformed(f"runs is {quote(runs)}, but {deciding} runs are in classes")
    return result


def count_deciding_runs(result: AuditResult) -> int:
    """Count the runs that decided the verdict; without classes, those at the level that decides."""
    in_classes = sum(len(group) for group in result.classes)
    return in_classes or sum(run.level is Level.BOUNDARY for run in result.runs)


def _refuse(name: str, fault: str, code: str = "result-corrupt", hint: str = _HINT) -> NoReturn:
    raise ReproauditError(f"cannot read {name!r}: {fault}", code=code, hint=hint) from None


def _parse(text: str, name: str) -> dict[str, Any]:
    if not text.strip():
        _refuse(name, "it is empty")
    try:
        document = parse_json(text)
    except Malformed as fault:
        _refuse(name, fault.fault)
    if not isinstance(document, dict) or not {"schema", "verdict"} <= document.keys():
        if isinstance(document, dict) and document.get("magic") == "reproaudit-trace":
            _refuse(
                name,
                "it is the header of a recorded run",
                hint="reproaudit compare reads recorded runs",
            )
        _refuse(name, "it is JSON, but not the result of an audit")
    return document


def _check_version(document: Mapping[str, Any], name: str) -> None:
    schema = document["schema"]
    if type(schema) is not int:
        raise Malformed(f"schema is {quote(schema)}, not a whole number")
    if schema != RESULT_SCHEMA:
        _refuse(
            name,
            f"its schema is {quote(schema)}, this reproaudit reads {RESULT_SCHEMA}",
            code="result-version",
            hint="audit again, or use the reproaudit that wrote it",
        )
