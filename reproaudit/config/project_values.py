"""Reads single values of [tool.reproaudit], and says where one is that cannot be."""

from __future__ import annotations

from typing import Any

from reproaudit.config.settings import bad_value, list_fields, locate_error, refuse_unknown
from reproaudit.config.tolerance import Ignored, TensorPattern, TensorTolerances, Tolerance
from reproaudit.errors import UsageError

_MOST = 1e300  # of a number: so many minutes are no infinite seconds yet


def read_tolerances(tolerances: object, where: str) -> TensorTolerances:
    """Read the tolerances of tensors, by patterns of their names."""
    wanted = '{"gradient:layers.*" = {ulp = 4}}'
    table = require_table(tolerances, f"{where} tolerances", wanted)
    found = []
    for text, value in table.items():
        pattern = _read_pattern(text, where)
        tolerance = read_tolerance(value, f"{where} tolerances.{text}")
        found.append((pattern, tolerance))
    return tuple(found)


def read_exclusions(ignore: object, where: str) -> tuple[Ignored, ...]:
    """Read which tensors are not compared, and why not."""
    table = require_table(ignore, f"{where} ignore", '{"gradient:layers.*" = "why"}')
    found = []
    for text, why in table.items():
        pattern = _read_pattern(text, where)
        reason = require_text(why, f"{where} ignore.{text} (the reason)")
        found.append(Ignored(pattern, reason))
    return tuple(found)


def read_texts(value: object, where: str, wanted: str) -> tuple[str, ...]:
    """Read a list of texts, or one text."""
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not is_list_of_texts(texts):
        raise bad_value(where, value, f"a list of texts, such as {wanted}")
    return tuple(texts)


def is_list_of_texts(value: object) -> bool:
    """Return True for a list that holds texts alone."""
    if not isinstance(value, list):
        return False
    return all(isinstance(text, str) for text in value)


def read_tolerance(table: object, where: str) -> Tolerance:
    """Read a tolerance."""
    table = require_table(table, where, "a table, such as {rtol = 1e-5, atol = 1e-8}")
    refuse_unknown(table, list_fields(Tolerance), where, "key")
    for name, value in table.items():
        if name == "ulp" and type(value) is not int:
            raise bad_value(f"{where}.ulp", value, "a whole number from 0")
        if not is_amount(value):
            raise bad_value(f"{where}.{name}", value, "a number from 0")
    return Tolerance(**table)


def _read_pattern(text: str, where: str) -> TensorPattern:
    try:
        return TensorPattern(text)
    except UsageError as error:
        raise locate_error(error, where) from None


def require_table(value: object, where: str, wanted: str) -> dict[str, Any]:
    """Return the value if it is a table; `wanted` says what is expected."""
    if not isinstance(value, dict):
        raise bad_value(where, value, wanted)
    return value


def require_text(value: object, where: str) -> str:
    """Return the value if it is a text that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise bad_value(where, value, "a text that is not empty")
    return value


def parse_number(text: str) -> Any:
    """Return the number that `text` is, or `text` itself.

    The check that follows says what it should be.
    """
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def is_amount(value: object) -> bool:
    """Return True for a finite number from 0."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return 0 <= value <= _MOST
