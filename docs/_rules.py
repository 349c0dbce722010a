"""Makes *Why runs differ*: a page for each rule, of the tables that `reproaudit explain` prints and
of the programs that are kept beside them.

Pages are made whenever the site is built, and are no part of the repository: `docs/why/ra*.md`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from _programs import (
    COMMANDS,
    NOT_RUN,
    PROGRAMS,
    SAMPLES,
    WITHOUT_PROGRAM,
    find_report,
    name_program,
)

from reproaudit.knowledge.interventions import INTERVENTIONS, list_against
from reproaudit.knowledge.lookalikes import LOOKALIKES
from reproaudit.knowledge.rules import ALL_RULES, Rule

if TYPE_CHECKING:
    from sphinx.application import Sphinx

_ROOT = Path(__file__).resolve().parents[1]
# What is code in prose that was written for a terminal: options, dotted names, calls, names with an
# underscore. What stands in backticks is code already.
_CALL = r"\([^()]*\)"
_CODE = re.compile(
    rf"""(?P<done>`[^`]*`)
    | (?P<code>
        --[a-z][\w-]*
      | [A-Za-z]\.\w+{_CALL}
      | (?:[A-Za-z]\w+\.)+[A-Za-z_]\w*(?:{_CALL}(?:\.\w+{_CALL})*|\['\w+'\])?
      | \.?[A-Za-z]\w*{_CALL}(?:\.\w+{_CALL})*
      | \w*[A-Za-z0-9]_\w+(?:=\w+)?
    )""",
    re.VERBOSE,
)


def setup(app: Sphinx) -> dict[str, bool]:
    """Have the pages written before Sphinx looks for pages."""
    app.connect("builder-inited", lambda app: write_pages(Path(app.srcdir) / "why"))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def write_pages(folder: Path) -> None:
    """Write the pages into the folder, those alone that changed; remove those of no rule."""
    pages = {f"{rule.lower()}.md": make_page(ALL_RULES[rule]) for rule in ALL_RULES}
    for stale in set(folder.glob("ra*.md")) - {folder / name for name in pages}:
        stale.unlink()
    for name, text in pages.items():
        page = folder / name
        # A page with an old date is not read again by the next build.
        if not page.exists() or page.read_text(encoding="utf-8") != text:
            page.write_text(text, encoding="utf-8")


def make_page(rule: Rule) -> str:
    """Return the page of a rule as MyST Markdown."""
    lines = [
        f"# {rule.id}: {_mark_code(rule.title)}",
        "",
        _name_kind(rule),
        "",
        _mark_code(rule.explanation),
        "",
        f"**Advice:** {_mark_code(rule.advice)}.",
        "",
        *_show_program(rule.id),
        *_show_repair(rule.id),
        "## What else looks like it",
        "",
        *_list_lookalikes(rule.id),
        "",
        *_list_interventions(rule),
        "## See also",
        "",
        *(f"- {reference}" for reference in rule.references),
        f"- `reproaudit explain {rule.id}` prints this page without its programs",
        "",
    ]
    return "\n".join(lines)


def _name_kind(rule: Rule) -> str:
    if rule.cause is not None:
        return f"A cause, which reports call `{rule.cause.value}`."
    if rule.question:
        return f"A finding of `reproaudit {rule.question}`."
    return "A warning: it is given whether runs differ or not."


def _show_program(rule: str) -> list[str]:
    lines = ["## A program that shows it", ""]
    if rule in WITHOUT_PROGRAM:
        return [*lines, f"None is kept. {WITHOUT_PROGRAM[rule]}.", ""]
    if rule in SAMPLES:
        return [*lines, *_show_sample(*SAMPLES[rule])]
    lines += [f"`{name_program(rule)}`:", "", *_fence("python", _read(name_program(rule))), ""]
    if rule in NOT_RUN:
        return [*lines, f"{NOT_RUN[rule]}.", ""]
    report = find_report(rule).read_text(encoding="utf-8")
    return [*lines, "Its report:", "", *_fence("text", report), ""]


def _show_sample(program: str, folder: str) -> list[str]:
    sample = _ROOT / "reports" / "samples" / folder
    command = (sample / "command").read_text(encoding="utf-8").strip()
    report = (sample / "terminal.txt").read_text(encoding="utf-8")
    return [
        f"One of the examples, `{program}`:",
        "",
        *_fence("python", (_ROOT / program).read_text(encoding="utf-8")),
        "",
        "Its report:",
        "",
        *_fence("text", f"$ {command}\n{report}"),
        "",
    ]


def _show_repair(rule: str) -> list[str]:
    mended = PROGRAMS / name_program(rule, mended=True)
    if rule not in COMMANDS or not mended.exists():
        return []
    changes = difflib.unified_diff(
        _read(name_program(rule)).splitlines(),
        _read(mended.name).splitlines(),
        name_program(rule),
        mended.name,
        n=2,
        lineterm="",
    )
    answer = find_report(rule, mended=True).read_text(encoding="utf-8").splitlines()[:2]
    lines = ["## The repair", "", *_fence("diff", "\n".join(changes)), ""]
    return [*lines, "Audited again:", "", *_fence("text", "\n".join(answer)), ""]


def _list_lookalikes(rule: str) -> Iterable[str]:
    for other in LOOKALIKES[rule]:
        named = f"**{other.what}**"
        if other.what in ALL_RULES:
            title = _mark_code(ALL_RULES[other.what].title)
            named = f"[{other.what}]({other.what.lower()}.md), {title}"
        yield f"- {named}. {_mark_code(other.apart)}"


def _list_interventions(rule: Rule) -> list[str]:
    if rule.cause is None:
        return []
    found = list_against((rule.cause,), cuda=True)
    if not found:
        return []
    rows = [f"| `{name}` | {_mark_code(INTERVENTIONS[name].what)} |" for name in found]
    return [
        "## What is tried against it",
        "",
        "An audit tries what the evidence speaks for; `reproaudit --intervene ID` tries one.",
        "",
        "| intervention | what is changed |",
        "|---|---|",
        *rows,
        "",
    ]


def _mark_code(text: str) -> str:
    """Return prose of the tables with its code in backticks."""
    return _CODE.sub(lambda found: found["done"] or f"`{found['code']}`", text)


def _fence(language: str, text: str) -> list[str]:
    return [f"~~~~~{language}", text.rstrip("\n"), "~~~~~"]


def _read(name: str) -> str:
    return (PROGRAMS / name).read_text(encoding="utf-8")
