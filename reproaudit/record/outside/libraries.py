"""The calls of libraries that a program may import at any time, also after torch."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

from reproaudit.record.outside.watched_calls import (
    CallerScope,
    RecordedValue,
    WatchedCall,
    presence,
)

_MAX_ROWS = 1000


def _sqlite_calls() -> Iterator[WatchedCall]:
    sqlite3 = sys.modules["sqlite3"]
    for owner in (sqlite3.Connection, sqlite3.Cursor):
        for method in ("execute", "executemany"):
            yield WatchedCall(
                owner,
                method,
                "sqlite3.random()",
                value=presence,
                counts=_is_random_query,
            )
            yield WatchedCall(
                owner,
                method,
                f"sqlite3.{method}",
                value=presence,
                counts=_is_plain_query,
            )
    for method in ("fetchone", "fetchmany", "fetchall"):
        yield WatchedCall(sqlite3.Cursor, method, f"sqlite3.{method}", value=_first_rows)


def _is_random_query(args: Any, kwargs: Any) -> bool:
    query = args[1].casefold()
    return "random(" in query or "randomblob(" in query


def _is_plain_query(args: Any, kwargs: Any) -> bool:
    return not _is_random_query(args, kwargs)


def _first_rows(result: Any, args: Any, kwargs: Any) -> Any:
    """Return the first rows that were fetched, unless they are objects of the program's own."""
    rows = [result]
    if isinstance(result, list):
        rows = result[:_MAX_ROWS]
    sqlite3 = sys.modules["sqlite3"]
    plain = (tuple, type(None), sqlite3.Row)
    if not all(isinstance(row, plain) for row in rows):
        return None
    values = [row and tuple(row) for row in rows]
    shown = repr(values)
    content = shown.encode(errors="backslashreplace")
    return RecordedValue(shown, content)


def _polars_calls() -> Iterator[WatchedCall]:
    """Yield the calls of polars that draw without a seed, or promise no order: it does so in Rust.

    Only that they are made is recorded.
    """
    polars = sys.modules["polars"]
    for owner, method, has_choice in (
        ("DataFrame", "sample", _has_no_seed),
        ("Series", "sample", _has_no_seed),
        ("Series", "shuffle", _has_no_seed),
        ("DataFrame", "group_by", _has_no_order),
        ("LazyFrame", "group_by", _has_no_order),
        ("DataFrame", "unique", _has_no_order),
        ("LazyFrame", "unique", _has_no_order),
    ):
        yield WatchedCall(
            getattr(polars, owner, None),
            method,
            f"polars.{owner}.{method}",
            value=presence,
            callers=CallerScope.PROGRAM,
            counts=has_choice,
        )


def _has_no_seed(args: Any, kwargs: Any) -> bool:
    return kwargs.get("seed") is None


def _has_no_order(args: Any, kwargs: Any) -> bool:
    return not kwargs.get("maintain_order")


def _asyncio_calls() -> Iterator[WatchedCall]:
    asyncio = sys.modules["asyncio"]
    # wait() gives sets, in the order of the addresses of the tasks.
    for function in ("as_completed", "wait"):
        yield WatchedCall(asyncio, function, f"asyncio.{function}", value=presence)


def _tokenizer_calls() -> Iterator[WatchedCall]:
    """Yield the calls that train a tokenizer: it breaks ties by hash tables, whose seeds are new.

    Whether a model comes out the same depends on its kind, and is seen.
    """
    tokenizers = sys.modules["tokenizers"]
    for method in ("train", "train_from_iterator"):
        yield WatchedCall(
            getattr(tokenizers, "Tokenizer", None),
            method,
            f"tokenizers.Tokenizer.{method}",
            value=_trained_model,
        )


def _trained_model(result: Any, args: Any, kwargs: Any) -> Any:
    text = args[0].to_str()
    return RecordedValue("", text.encode())


# By the name of the module. The functions are called once it is imported.
LIBRARIES: dict[str, Callable[[], Iterator[WatchedCall]]] = {
    "asyncio": _asyncio_calls,
    "polars": _polars_calls,
    "sqlite3": _sqlite_calls,
    "tokenizers": _tokenizer_calls,
}
