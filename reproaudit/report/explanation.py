"""Owns what `reproaudit explain` prints: a page for each rule, cause, mechanism on a GPU,
intervention, variation and error code, and the list of them.

An operator's name stands for its mechanism.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from reproaudit.config import settings
from reproaudit.errors import UsageError, did_you_mean
from reproaudit.knowledge.catalogue import ERRORS
from reproaudit.knowledge.dependences import list_expectations
from reproaudit.knowledge.documentation import find_address, name_page
from reproaudit.knowledge.interventions import INTERVENTIONS, list_against
from reproaudit.knowledge.lookalikes import LOOKALIKES
from reproaudit.knowledge.mechanisms import MECHANISMS, Mechanism, find_mechanism
from reproaudit.knowledge.rules import ALL_RULES, QUESTION_RULES, RULES, WARNINGS, Rule
from reproaudit.knowledge.traits import Intervention, Lookalike
from reproaudit.knowledge.variation import Variation
from reproaudit.knowledge.variations import VARIATIONS
from reproaudit.model.cause import Cause
from reproaudit.model.question import Dependence
from reproaudit.report.layout import make_rows, wrap

_WIDTH = 100
_INDENT = "  "
_VARY = "vary"
_KINDS = {Dependence.BUG: "a bug", Dependence.UNEXPLAINED: "not explained"}
_MOST_OPS = 70  # characters of the operators of a mechanism that the list shows

Page = Callable[[], list[str]]


def explain(name: str) -> str:
    """Return the page about what has this name, or about an operator that has a mechanism.

    Raises UsageError with the nearest names.
    """
    pages = _make_pages()
    wanted = name.strip().lower()
    # Only an operator's name has two colons.
    if "::" in wanted:
        mechanism = find_mechanism(wanted)
        if mechanism is not None:
            wanted = mechanism.id
    if wanted not in pages:
        raise UsageError(
            f"there is nothing to explain called {name!r}",
            code="explain-unknown",
            hint=did_you_mean(wanted, pages),
        )
    return "\n".join(pages[wanted]()) + "\n"


def list_codes() -> tuple[str, ...]:
    """Return every name that `explain` takes, rules as they are written."""
    rules = tuple(rule.id for rule in ALL_RULES.values())
    return (*rules, *(name for name in _make_pages() if name.upper() not in rules))


def list_names() -> str:
    """Return the list of everything that `explain` knows, by kind."""
    causes = [(f"{rule.id}  {cause.value}", rule.title) for cause, rule in RULES.items()]
    warnings = [(rule.id, rule.title) for rule in WARNINGS.values()]
    found = [(f"{rule.id}  {rule.question}", rule.title) for rule in QUESTION_RULES.values()]
    mechanisms = [(entry.id, _list_ops(entry)) for entry in MECHANISMS]
    interventions = [(entry.id, entry.what) for entry in INTERVENTIONS.values()]
    lines = [
        "Causes",
        *_indent_rows(causes),
        "",
        "Warnings",
        *_indent_rows(warnings),
        "",
        "Findings of one command alone",
        *_indent_rows(found),
        "",
        "Why operators differ on a GPU",
        *_indent_rows(mechanisms),
        "",
        "Interventions",
        *_indent_rows(interventions),
        "",
        "Variations",
        *_indent_rows(_list_variations()),
        "",
        "Errors",
        *_indent_prose(", ".join(sorted(ERRORS))),
    ]
    return "\n".join(lines) + "\n"


def _make_pages() -> dict[str, Page]:
    """Return what makes each page, by name in lower case."""
    pages: dict[str, Page] = {}
    for rule in ALL_RULES.values():
        page = partial(_make_rule_page, rule)
        pages[rule.id.lower()] = page
        if rule.cause is not None:
            pages[rule.cause.value] = page
    for mechanism in MECHANISMS:
        pages[mechanism.id] = partial(_make_mechanism_page, mechanism)
    for intervention in INTERVENTIONS.values():
        pages[intervention.id] = partial(_make_intervention_page, intervention)
    for variation in VARIATIONS.values():
        pages[variation.id] = partial(_make_variation_page, variation)
    pages[_VARY] = _make_vary_page
    for code in ERRORS:
        pages[code] = partial(_make_error_page, code)
    return pages


def _make_rule_page(rule: Rule) -> list[str]:
    kind = f"a finding of `reproaudit {rule.question}`" if rule.question else "a warning"
    names: Sequence[str] = ()
    if rule.cause is not None:
        kind = rule.cause.value
        names = list_against((rule.cause,), cuda=True)
    lines = [
        f"{rule.id}, {kind}: {rule.title}",
        "",
        *_indent_prose(rule.explanation),
        "",
        *_indent_prose(f"Advice: {rule.advice}."),
    ]
    lines += ["", "What else looks like it"]
    for other in LOOKALIKES[rule.id]:
        lines += _describe_lookalike(other)
    if names:
        lines += ["", "Interventions (reproaudit --intervene ID tries one)"]
        lines += _describe_interventions(names)
    return [
        *lines,
        "",
        "See also",
        *_indent_lines([*rule.references, _say_where_its_page_is(rule)]),
    ]


def _describe_lookalike(other: Lookalike) -> list[str]:
    named = ALL_RULES.get(other.what)
    title = other.what if named is None else f"{named.id}, {named.title}"
    return [f"{_INDENT}{title}", *wrap(other.apart, _WIDTH, first=_INDENT * 2, others=_INDENT * 2)]


def _say_where_its_page_is(rule: Rule) -> str:
    address = find_address(rule.id)
    if address is not None:
        return f"{address}: a program, its report and its repair"
    return (
        f"{name_page(rule.id)} of the documentation, a program with its report and its repair: "
        "`make docs` in the project's sources"
    )


def _make_mechanism_page(entry: Mechanism) -> list[str]:
    rule = RULES[Cause.KERNEL]
    why = f"{entry.why[0].upper()}{entry.why[1:]}"
    return [
        f"{entry.id}, a mechanism on a GPU of {rule.id} {Cause.KERNEL.value}",
        "",
        *_indent_prose(f"{why}. A difference must be seen before this explains it."),
        "",
        "Operators",
        *_indent_prose(", ".join(entry.ops)),
        "",
        "Interventions, the likeliest first (reproaudit --intervene ID tries one)",
        *_describe_interventions(entry.interventions),
        "",
        "See also",
        *_indent_lines(entry.references),
    ]


def _make_intervention_page(entry: Intervention) -> list[str]:
    rules = []
    for cause in entry.causes:
        rule = RULES[cause]
        rules.append((f"{rule.id}  {cause.value}", rule.title))
    patch = [f"    {line}" for line in entry.patch]
    return [
        f"{entry.id}, an intervention: {entry.what}",
        "",
        "How",
        *_indent_lines(_list_changes(entry)),
        "",
        "Removes",
        *_indent_rows(rules),
        "",
        "In your own program",
        *patch,
    ]


def _make_variation_page(entry: Variation) -> list[str]:
    lines = [
        f"{entry.id}, a variation: {entry.what}",
        "",
        "How",
        *_indent_prose(entry.how),
    ]
    if entry.values:
        lines += ["", f"Tried unless values are named: {', '.join(entry.values)}"]
    needs = sorted(
        {need.value for value in ("", *entry.values) for need in entry.list_needs(value)}
    )
    unless = [*needs, entry.unless] if entry.unless else needs
    if unless:
        lines += ["", "It means nothing where", *_indent_lines(unless)]
    expected = list_expectations(entry.id)
    if expected:
        lines += ["", "What depends on it is"]
    for row in expected:
        kind = _KINDS.get(row.dependence, row.dependence.value)
        lines += _indent_prose(f"{kind}: {row.why}.")
        if row.reference:
            lines += _indent_lines([f"  {row.reference}"])
    return lines


def _make_vary_page() -> list[str]:
    return [
        "vary: a program as it is, and once under each value of what ought not to matter",
        "",
        *_indent_prose(
            "`reproaudit vary SUBJECT` tries all variations below whose values are named here and "
            "that are not left out of all; --vary names others, and other values. A dependence "
            "that documentation allows is told from a bug."
        ),
        "",
        "Variations",
        *_indent_rows(_list_variations()),
        "",
        "Not among all, for each is a part of another one, or has to be named",
        *_indent_prose(
            ", ".join(entry.id for entry in VARIATIONS.values() if not entry.in_all)
            + ", env.NAME, arg.--option"
        ),
    ]


def _list_variations() -> list[tuple[str, str]]:
    return [(entry.id, entry.what) for entry in VARIATIONS.values()]


def _make_error_page(code: str) -> list[str]:
    return [f"{code}, an error", "", *_indent_prose(ERRORS[code])]


def _list_changes(entry: Intervention) -> list[str]:
    """Return what an intervention changes of a run, one change a line."""
    changes = []
    for name, value in settings.list_settings(entry.settings):
        # The settings name the intervention itself, which the page does already.
        if name != "interventions":
            changes.append(f"{name} = {value}")
    if entry.module:
        changes.append("applied inside the program's process, also against the program's own calls")
    if entry.fresh_files:
        changes.append("each run gets an empty temporary folder and a copy of the project")
    if entry.only_cuda:
        changes.append("only where a GPU is in use")
    return changes


def _list_ops(entry: Mechanism) -> str:
    return textwrap.shorten(", ".join(entry.ops), _MOST_OPS, placeholder=" …")


def _describe_interventions(names: Iterable[str]) -> list[str]:
    return _indent_rows([(name, INTERVENTIONS[name].what) for name in names])


def _indent_prose(text: str) -> list[str]:
    return wrap(text, _WIDTH, first=_INDENT, others=_INDENT)


def _indent_rows(rows: list[tuple[str, str]]) -> list[str]:
    return _indent_lines(make_rows(rows))


def _indent_lines(lines: Iterable[str]) -> list[str]:
    return [f"{_INDENT}{line}" for line in lines]
