"""The arguments of a call as words of a command line: what one accepts, the other does."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence

from reproaudit.cli.arguments import Parser
from reproaudit.errors import UsageError


def write_words(parser: Parser, given: Mapping[str, object]) -> list[str]:
    """Return the options that the arguments stand for. None, False for a switch that is only ever
    put on, and an empty collection say nothing.

    Raises UsageError for a value of a kind that the option does not take.
    """
    options = parser.list_options()
    words: list[str] = []
    for name, value in given.items():
        option = f"--{name.replace('_', '-')}"
        action = options[option]
        if value is None:
            continue
        if action.nargs == 0:
            if not isinstance(value, bool):
                raise UsageError(
                    f"{name} is {value!r}, and is to be True or False",
                    code="usage",
                    hint=f"see {parser.prog} --help",
                )
            words += [option] if value else []
        elif action.nargs == "?" and isinstance(value, bool):
            words += [option] if value else []
        else:
            # In one word, so that a value which begins with a dash is taken for no option.
            is_repeated = isinstance(action.default, list)
            words += [f"{option}={text}" for text in _list_texts(value, is_repeated=is_repeated)]
    return words


def _list_texts(value: object, *, is_repeated: bool) -> Iterator[str]:
    """Yield what the option is given, once for each time that it is given."""
    if isinstance(value, Mapping):
        pairs = [f"{key}={_write(one)}" for key, one in value.items()]
        if is_repeated:
            yield from pairs
        elif pairs:
            yield ",".join(pairs)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        texts = list(map(_write, value))
        if is_repeated:
            yield from texts
        elif texts:
            yield ",".join(texts)
    else:
        yield _write(value)


def _write(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, os.PathLike):
        return os.fsdecode(value)
    return str(value)
