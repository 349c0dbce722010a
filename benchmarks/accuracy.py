"""How audits answer on programs whose truth is known: their result.json files against the truths,
as a table.

python benchmarks/accuracy.py --truths FOLDER --results FOLDER [--out reports/accuracy/programs.md]

A truth is NAME.json beside NAME.py: `deterministic`, and of a planted source `cause`, `source_op`,
`source_line`, each with further answers that count as right (`accept_causes`, `accept_ops`,
`accept_lines`, `divergence_line`).
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

from figures import publish

QUESTIONS = ("verdict", "cause", "operator", "line", "fix proven")


def bare(op: str | None) -> str | None:
    """`aten::index_put_.default` and `aten::index_put` are one operator here: no namespace,
    overload, in-place mark."""
    return (
        None
        if not op
        else op.rpartition("::")[2].split(".")[0].strip("_").removesuffix("_impl").lower()
    )


def answers(truth: dict[str, Any], result: dict[str, Any]) -> dict[str, bool | None]:
    """Return what was right, wrong, or (None) not asked."""
    if truth["deterministic"]:
        return {"verdict": result["verdict"] == "reproducible"}
    finding = (result["findings"] or [{}])[0]
    lines = {truth["source_line"], truth["divergence_line"], *truth["accept_lines"]} - {None}
    ops = {bare(op) for op in (truth["source_op"], *truth["accept_ops"])}
    line = (finding.get("location") or {}).get("line")
    return {
        "verdict": result["verdict"] == "not-reproducible",
        "cause": finding.get("cause") in (truth["cause"], *truth["accept_causes"]),
        "operator": bare(finding.get("op")) in ops if truth["source_op"] else None,
        "line": line in lines if lines else None,
        "fix proven": bool((finding.get("fix") or {}).get("verified")),
    }


def said(result: dict[str, Any]) -> str:
    finding = (result["findings"] or [None])[0]
    if finding is None:
        return result["verdict"]
    line = (finding["location"] or {}).get("line")
    fix = finding["fix"] or {"settings": [], "verified": False}
    repaired = f", repaired by {', '.join(fix['settings'])}" if fix["verified"] else ""
    return f"{finding['cause']}, {finding['op'] or 'no operator'}, line {line}{repaired}"


def share(rows: list[dict[str, bool | None]], question: str) -> str:
    asked = [row[question] for row in rows if row.get(question) is not None]
    answered = sum(map(bool, asked))
    percent = 100 * answered / max(1, len(asked))
    return f"{answered} of {len(asked)} ({percent:.0f} %)"


def table(names: list[str], truths: Path, results: Path) -> list[str]:
    known = {name: json.loads((truths / f"{name}.json").read_text()) for name in names}
    found = {name: json.loads((results / f"{name}.json").read_text()) for name in names}
    rows = {name: answers(known[name], found[name]) for name in names}
    planted = [row for name, row in rows.items() if not known[name]["deterministic"]]
    clean = [row for name, row in rows.items() if known[name]["deterministic"]]
    made = [found[name]["runs_made"] for name in names if not known[name]["deterministic"]]
    lines = [
        "| what | score |",
        "|---|---|",
        f"| planted sources found | {share(planted, 'verdict')} |",
        f"| clean programs called reproducible | {share(clean, 'verdict')} |",
    ]
    lines += [f"| {question} | {share(planted, question)} |" for question in QUESTIONS[1:]]
    lines += [
        f"| runs made for a planted one, median and most | {statistics.median(made):.0f}, "
        f"{max(made)} |",
        "",
    ]
    lines += [
        f"| program | {' | '.join(QUESTIONS)} | runs | said |",
        "|" + "---|" * (len(QUESTIONS) + 3),
    ]
    words = {True: "yes", False: "**no**", None: "-"}
    for name, row in rows.items():
        cells = " | ".join(
            words[row[question]] if question in row else "" for question in QUESTIONS
        )
        lines.append(f"| {name} | {cells} | {found[name]['runs_made']} | {said(found[name])} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--truths", type=Path, required=True)
    parser.add_argument(
        "--results",
        type=Path,
        required=True,
        help="NAME.json for each, as --report json=NAME.json wrote it",
    )
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    names = sorted(
        path.stem
        for path in options.results.glob("*.json")
        if (options.truths / path.name).exists()
    )
    publish(table(names, options.truths, options.results), options.out)


if __name__ == "__main__":
    main()
