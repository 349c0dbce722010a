"""The table of error codes holds what the package raises, no more and no less."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from reproaudit.knowledge.catalogue import ERRORS
from reproaudit.knowledge.interventions import INTERVENTIONS
from reproaudit.knowledge.mechanisms import MECHANISMS
from reproaudit.knowledge.rules import QUESTION_RULES, RULES, WARNINGS
from reproaudit.model.cause import Cause

PACKAGE = Path(__file__).resolve().parents[2] / "reproaudit"
CATALOGUE = PACKAGE / "knowledge" / "catalogue.py"


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


def test_no_name_means_two_things() -> None:
    names = [cause.value for cause in Cause] + [
        rule.id for rule in (*RULES.values(), *WARNINGS.values(), *QUESTION_RULES.values())
    ]
    names += [*INTERVENTIONS, *ERRORS, *(entry.id for entry in MECHANISMS)]
    assert len(set(names)) == len(names)
