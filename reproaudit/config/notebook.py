"""Jupyter notebooks as files: their code cells, without any library of Jupyter's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reproaudit.codec import Malformed, expect, parse_json
from reproaudit.errors import UsageError
from reproaudit.files import Unreadable, read_bytes

SUFFIX = ".ipynb"
_FORMAT = 4
_MOST_BYTES = 1 << 28  # pictures that a notebook shows are part of it
_FAILURE_TAG = "raises-exception"
_SKIP_TAG = "skip-execution"
_CELL_MAGIC = "%%"
# Magics whose body is the program, and not text for another one.
_PYTHON_MAGICS = frozenset(("time", "timeit", "capture", "prun", "python3", "pypy", "python"))
_NO_PYTHON = re.compile(r"^(\s*)(?:[%!?]|[\w.]+\?\??\s*$|[\w, ]+=\s*[%!])")


@dataclass(frozen=True, slots=True)
class Cell:
    """A code cell that holds something.

    `number` is its place among these, from 1 on: that is its `In[number]` when the notebook is run
    from the top to the bottom. `may_fail`: an error in it does not end the notebook.
    """

    number: int
    source: str
    may_fail: bool = False
    is_skipped: bool = False

    @property
    def lines_before(self) -> int:
        """How many empty lines stand before the first other one: IPython does not count them."""
        blank = len(self.source) - len(self.source.lstrip())
        return self.source.count("\n", 0, blank)

    @property
    def has_magic_body(self) -> bool:
        """True if a magic such as `%%time` runs all lines but the first."""
        return self.source.lstrip().startswith(_CELL_MAGIC)

    def as_python(self) -> str:
        """Return the cell with the same lines, each that is no Python as `pass`.

        A cell for another interpreter, such as `%%bash`, has no Python.
        """
        lines = self.source.split("\n")
        if self.has_magic_body:
            words = self.source.lstrip().removeprefix(_CELL_MAGIC).split(maxsplit=1)
            if not words or words[0] not in _PYTHON_MAGICS:
                return "\n" * (len(lines) - 1)
        return "\n".join(map(_blank, lines))


@dataclass(frozen=True, slots=True)
class Notebook:
    """The code of a notebook, and the kernel that it was written with; "" if it names none."""

    cells: tuple[Cell, ...]
    kernel: str = ""


def read_notebook(path: Path) -> Notebook:
    """Read a notebook of format 4. Raises UsageError for what is none, or has no Python to run."""
    try:
        text = read_bytes(path, _MOST_BYTES).decode("utf-8-sig")
        document = expect(parse_json(text, keys_once=False), dict)
        _check_format(path, document)
        metadata = document.get("metadata") or {}
        _check_language(path, expect(metadata, dict))
        cells = tuple(_list_code(expect(document.get("cells"), list)))
    except Malformed as fault:
        raise _refuse(path, str(fault), "open it in Jupyter and save it") from None
    except (OSError, Unreadable, UnicodeError) as error:
        raise _refuse(path, str(error), "") from None
    if not cells:
        raise _refuse(path, "it has no code cell", "write a cell that trains")
    return Notebook(cells, _read_name(metadata, "kernelspec", "name"))


def _blank(line: str) -> str:
    found = _NO_PYTHON.match(line)
    return line if found is None else f"{found[1]}pass"


def _check_format(path: Path, document: dict[str, Any]) -> None:
    version = document.get("nbformat")
    if version == _FORMAT:
        return
    if type(version) is not int or not 0 < version < _FORMAT:
        raise Malformed(f"it has no format {_FORMAT}: nbformat is {version!r:.40}")
    raise _refuse(
        path,
        f"it has the old format {version}",
        f"convert it: jupyter nbconvert --to notebook --inplace {path.name}",
    )


def _check_language(path: Path, metadata: dict[str, Any]) -> None:
    named = _read_name(metadata, "kernelspec", "language")
    language = named or _read_name(metadata, "language_info", "name") or "python"
    if language.lower() not in ("python", "ipython", "python3"):
        raise UsageError(
            f"the notebook {path.name!r} is written in {language}",
            code="notebook-language",
            hint="a notebook that is audited is written in Python",
        )


def _read_name(metadata: dict[str, Any], group: str, key: str) -> str:
    found = metadata.get(group)
    name = found.get(key) if isinstance(found, dict) else None
    return name if isinstance(name, str) else ""


def _list_code(cells: list[Any]) -> Iterator[Cell]:
    number = 0
    for cell in cells:
        expect(cell, dict)
        source = cell.get("source", "")
        if isinstance(source, list):
            source = "".join(expect(line, str) for line in source)
        # As Jupyter does, which asks its kernel nothing for a cell without text.
        if cell.get("cell_type") != "code" or not expect(source, str).strip():
            continue
        number += 1
        tags = _read_tags(cell)
        yield Cell(number, source, _FAILURE_TAG in tags, _SKIP_TAG in tags)


def _read_tags(cell: dict[str, Any]) -> list[Any]:
    metadata = cell.get("metadata")
    tags = metadata.get("tags") if isinstance(metadata, dict) else None
    return tags if isinstance(tags, list) else []


def _refuse(path: Path, why: str, hint: str) -> UsageError:
    return UsageError(
        f"cannot read the notebook {path.name!r}: {why}", code="notebook-invalid", hint=hint
    )
