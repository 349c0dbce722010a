"""What `reproaudit explain` knows: everything that a report or an error names, by whatever name it
goes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from reproaudit.errors import UsageError
from reproaudit.knowledge.catalogue import ERRORS, describe, index
from reproaudit.knowledge.interventions import INTERVENTIONS
from reproaudit.knowledge.mechanisms import MECHANISMS
from reproaudit.knowledge.rules import RULES, WARNINGS
from reproaudit.model.result import Cause

PACKAGE = Path(__file__).resolve().parents[2] / "reproaudit"
CATALOGUE = PACKAGE / "explain" / "catalogue.py"


def literals(node: ast.AST) -> Iterator[str]:
    """Yield, as patterns, the texts that an expression may give, in so far as they stand in it."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield re.escape(node.value)
    elif isinstance(node, ast.JoinedStr):
        yield "".join(
            re.escape(str(p.value)) if isinstance(p, ast.Constant) else "[a-z]+"
            for p in node.values
        )
    elif isinstance(node, ast.BoolOp):
        yield from (text for operand in node.values for text in literals(operand))
    elif isinstance(node, ast.IfExp):
        yield from (text for operand in (node.body, node.orelse) for text in literals(operand))


def error_codes(source: str) -> set[str]:
    """Return patterns of the error codes in a module: given as `code=`, as its default, or in its
    place."""
    tree = ast.parse(source)
    found: set[str] = set()
    places: dict[str, int] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            names = [argument.arg for argument in node.args.args]
            defaults = dict(zip(reversed(names), reversed(node.args.defaults), strict=False))
            if "code" in names:
                places[node.name] = names.index("code")
                found.update(literals(defaults["code"]) if "code" in defaults else ())
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "code":
            found.update(literals(node.value))
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in places
        ):
            found.update(
                text
                for argument in node.args[places[node.func.id] :][:1]
                for text in literals(argument)
            )
    return found


def codes_of_the_package() -> set[str]:
    return {
        code
        for path in PACKAGE.rglob("*.py")
        for code in error_codes(path.read_text(encoding="utf-8"))
    }


def test_every_error_code_in_the_package_is_explained() -> None:
    unexplained = {
        code
        for code in codes_of_the_package()
        if not any(re.fullmatch(code, known) for known in ERRORS)
    }
    assert unexplained == set()


def test_no_error_is_explained_that_nothing_raises() -> None:
    sources = [
        path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py") if path != CATALOGUE
    ]
    codes = codes_of_the_package()
    printed = {
        code for source in sources for code in re.findall(r"\[([a-z]+(?:-[a-z]+)*)\]\"", source)
    }
    assert {
        known for known in ERRORS if not any(re.fullmatch(code, known) for code in codes)
    } <= printed


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("raise UsageError('no', code='it-is-new')", "it-is-new"),
        ("raise UsageError('no', code=said or 'it-is-new')", "it-is-new"),
        ("raise UsageError('no', code=f'unknown-{what}')", "unknown-thing"),
        ("def refuse(why, code='it-is-new'): ...", "it-is-new"),
        ("def refuse(why, code): ...\nrefuse('no', 'it-is-new')", "it-is-new"),
    ],
)
def test_the_walk_finds_a_planted_code(source: str, code: str) -> None:
    (found,) = error_codes(source)
    assert re.fullmatch(found, code)


@pytest.mark.parametrize("cause", Cause, ids=lambda cause: cause.value)
def test_a_cause_and_its_rule_have_one_page(cause: Cause) -> None:
    page = describe(cause.value)
    assert page == describe(RULES[cause].id)
    assert page.startswith(f"{RULES[cause].id}, {cause.value}: ")


def test_a_rule_is_found_however_it_is_typed() -> None:
    assert describe(" ra401") == describe("RA401")


def test_the_page_of_a_cause_names_what_removes_it() -> None:
    assert re.search(
        r"^  hash\.seed  Python's string hashes are fixed$", describe("hash-order"), re.MULTILINE
    )


@pytest.mark.parametrize("name", WARNINGS)
def test_a_warning_has_a_page_without_interventions(name: str) -> None:
    page = describe(name)
    assert page.startswith(f"{name}, a warning: ")
    assert "Interventions" not in page


@pytest.mark.parametrize("name", INTERVENTIONS)
def test_the_page_of_an_intervention_says_how_it_acts_what_it_removes_and_what_to_write(
    name: str,
) -> None:
    entry, page = INTERVENTIONS[name], describe(name)
    how = page[page.index("\nHow\n") : page.index("\nRemoves\n")]
    assert len(how.strip().splitlines()) >= 2
    assert all(RULES[cause].id in page for cause in entry.causes)
    assert all(f"    {line}" in page.splitlines() for line in entry.patch)


@pytest.mark.parametrize("name", ["interpolation-backward", "aten::upsample_bilinear2d_backward"])
def test_a_mechanism_is_explained_by_its_own_name_and_by_that_of_an_operator(name: str) -> None:
    page = describe(name)
    assert page.startswith("interpolation-backward, a mechanism on a GPU of RA401 kernel\n")
    assert "  kernels.deterministic  " in page
    assert "torch.nn.functional.interpolate" in page


def test_the_settings_of_an_intervention_are_shown() -> None:
    assert "  hash_seed = 0\n" in describe("hash.seed")
    assert "  env.TORCHDYNAMO_DISABLE = 1\n" in describe("compile.off")


@pytest.mark.parametrize("code", ERRORS)
def test_an_error_code_has_a_page_of_sentences(code: str) -> None:
    page = describe(code)
    assert page.startswith(f"{code}, an error\n\n  ")
    assert page.endswith(".\n")


def test_no_name_means_two_things() -> None:
    names = [cause.value for cause in Cause] + [
        rule.id for rule in (*RULES.values(), *WARNINGS.values())
    ]
    names += [*INTERVENTIONS, *ERRORS, *(entry.id for entry in MECHANISMS)]
    assert len(set(names)) == len(names)


def test_the_index_lists_everything_that_can_be_explained() -> None:
    words = set(re.findall(r"[\w.-]+", index()))
    assert words.issuperset(
        {*WARNINGS, *INTERVENTIONS, *ERRORS, *(entry.id for entry in MECHANISMS)}
    )
    assert words.issuperset(
        {word for cause, rule in RULES.items() for word in (cause.value, rule.id)}
    )


def test_prose_keeps_to_a_hundred_columns() -> None:
    pages = [describe(code) for code in ERRORS] + [describe(rule.id) for rule in RULES.values()]
    assert max(len(line) for page in pages for line in page.splitlines() if ". " in line) <= 100


@pytest.mark.parametrize(
    ("typed", "meant"), [("kernal", "'kernel'"), ("RA4O1", "'ra401'"), ("hashseed", "'hash.seed'")]
)
def test_a_name_that_is_not_known_is_answered_with_the_nearest(typed: str, meant: str) -> None:
    with pytest.raises(UsageError, match="nothing to explain") as raised:
        describe(typed)
    assert raised.value.code == "explain-unknown"
    assert meant in raised.value.hint
