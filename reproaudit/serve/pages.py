"""Owns the pages around the audits: the list, two side by side, and what is said in their place.

No script runs on them. Whatever comes from a file is escaped here.
"""

from __future__ import annotations

import html
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from reproaudit.model.verdict import Verdict
from reproaudit.report.wording import show_count, show_name, show_prose, show_whole
from reproaudit.serve.folder import Audit, Broken, Listing

_TONES = {Verdict.REPRODUCIBLE: "good", Verdict.NOT_REPRODUCIBLE: "bad"}
_ORDERS = ("asc", "desc")
_CUT = "There is more in this folder than was looked at: not all that lies below it is listed."
_EMPTY = (
    "There is no saved audit in this folder yet. One is made by "
    "<code>reproaudit train.py --report json=result.json</code>; then load this page again."
)


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of the list: what it shows, and what it is sorted by."""

    title: str
    show: Callable[[Audit], str]  # as HTML
    key: Callable[[Audit], Any]
    is_number: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """By which column the list is sorted, and whether the largest comes first."""

    column: str = "written"
    is_falling: bool = True

    @classmethod
    def read(cls, column: str, order: str) -> Order:
        """Read what an address asks for; what is unknown is the usual order."""
        if column not in _COLUMNS or order not in _ORDERS:
            return cls()
        return cls(column, order == "desc")


def list_page(listing: Listing, folder: str, order: Order) -> str:
    """Return the list of the audits in a folder."""
    parts = [f"<h1>Audits in {_show_path(folder)}</h1>"]
    if listing.audits:
        parts.append(_make_form(listing.audits, order))
    else:
        parts.append(f"<p>{_EMPTY}</p>")
    if listing.is_cut:
        parts.append(f"<p class='note warn'>{_CUT}</p>")
    if listing.broken:
        parts.append(_list_broken(listing.broken))
    return _make_page("audits", "", f"<main class='listing'>{''.join(parts)}</main>")


def pair_page(first: Audit, second: Audit) -> str:
    """Return two audits side by side."""
    shown = ""
    for audit in (first, second):
        # Without allow-same-origin: what is in a page can reach neither the list nor the other.
        frame = (
            f"<iframe sandbox='allow-scripts' src='audit/{audit.id}' "
            f"title='{_show(audit.name)}'></iframe>"
        )
        shown += f"<section><h2>{_show_verdict(audit)} {_link(audit)}</h2>{frame}</section>"
    back = "<a href='./'>all audits</a>"
    return _make_page("two audits", back, f"<main class='pair'>{shown}</main>")


def message_page(title: str, sentence: str) -> str:
    """Return what is said where there is nothing to show. Both are ours, and are escaped."""
    words = f"<h1>{html.escape(title)}</h1><p>{html.escape(sentence)}</p>"
    return _make_page(title, "", f"<main class='listing'>{words}</main>")


def _make_page(title: str, beside: str, body: str) -> str:
    """Return a whole page; `beside` stands in its head, and is HTML as the body is."""
    return (
        "<!DOCTYPE html>\n"
        "<html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{html.escape(title)} – reproaudit</title>"
        # Asked for by itself otherwise, and not there.
        "<link rel='icon' href='data:,'>"
        f"<style>{read_style()}</style></head><body>"
        f"<header class='top'><span class='wordmark'>reproaudit</span>{beside}</header>"
        f"{body}</body></html>\n"
    )


@lru_cache(maxsize=1)
def read_style() -> str:
    """Return the style of these pages: that of an audit's own page, and what they have beyond."""
    own = files("reproaudit.serve") / "assets" / "serve.css"
    shared = files("reproaudit.report.page") / "assets" / "page.css"
    return shared.read_text(encoding="utf-8") + own.read_text(encoding="utf-8")


def _list_broken(broken: Sequence[Broken]) -> str:
    rows = ""
    for one in broken:
        why = html.escape(show_prose(one.why))
        rows += f"<tr><td class='path'>{_show(one.name)}</td><td>{why}</td></tr>"
    return f"<section><h2>Cannot be read</h2><table class='broken'>{rows}</table></section>"


def _make_form(audits: Sequence[Audit], order: Order) -> str:
    column = _COLUMNS[order.column]
    # By name where the key is the same, whichever way the list is turned.
    ordered = sorted(audits, key=lambda audit: audit.name)
    ordered.sort(key=column.key, reverse=order.is_falling)
    head = "<th class='pick'>left</th><th class='pick'>right</th>" if len(audits) > 1 else ""
    for name in _COLUMNS:
        head += _make_head(name, order)
    rows = ""
    for place, audit in enumerate(ordered):
        cells = _make_choices(audit, place) if len(audits) > 1 else ""
        for column in _COLUMNS.values():
            kind = " class='number'" if column.is_number else ""
            cells += f"<td{kind} data-label='{column.title}'>{column.show(audit)}</td>"
        rows += f"<tr>{cells}</tr>"
    button = "<button class='small'>Show two side by side</button>" if len(audits) > 1 else ""
    count = f"<div class='act'>{show_count(len(audits), 'audit')} {button}</div>"
    table = f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody>"
    return f"<form action='pair'>{count}<table class='audits'>{table}</table></form>"


def _make_head(name: str, order: Order) -> str:
    column = _COLUMNS[name]
    is_sorted = name == order.column
    # A second time on the same head turns the order; times and numbers begin with the largest.
    is_falling = not order.is_falling if is_sorted else column.is_number
    direction = _ORDERS[is_falling]
    sorting = ""
    if is_sorted:
        sorting = f" aria-sort='{'descending' if order.is_falling else 'ascending'}'"
    kind = " class='number'" if column.is_number else ""
    link = f"<a href='./?sort={name}&amp;order={direction}'>{column.title}</a>"
    return f"<th scope='col'{kind}{sorting}>{link}</th>"


def _make_choices(audit: Audit, place: int) -> str:
    """Return the two cells in which an audit is chosen; the first two are to begin with."""
    cells = ""
    for number, (name, side) in enumerate((("a", "left"), ("b", "right"))):
        checked = " checked" if place == number else ""
        label = f"{_show(audit.name)} on the {side}"
        cells += (
            f"<td data-label='{side}' class='pick'><input type='radio' name='{name}' "
            f"value='{audit.id}' aria-label='{label}'{checked}></td>"
        )
    return cells


def _show(name: str) -> str:
    return html.escape(show_name(name))


def _show_verdict(audit: Audit) -> str:
    tone = _TONES.get(audit.verdict, "warn")
    return f"<span class='verdict {tone}'>{audit.answer}</span>"


def _link(audit: Audit) -> str:
    return f"<a href='audit/{audit.id}' class='path'>{_show(audit.name)}</a>"


def _show_audit(audit: Audit) -> str:
    headline = html.escape(show_prose(audit.headline))
    return f"<div class='headline'>{_link(audit)}<br>{headline}</div>"


def _show_time(audit: Audit) -> str:
    local = time.localtime(audit.written_s)
    exact = time.strftime("%Y-%m-%dT%H:%M:%S%z", local)
    return f"<time datetime='{exact}'>{time.strftime('%Y-%m-%d %H:%M:%S', local)}</time>"


def _show_cause(audit: Audit) -> str:
    return f"<span class='cause'>{_show(audit.cause)}</span>" if audit.cause else ""


def _show_path(text: str) -> str:
    return f"<span class='path'>{_show(text)}</span>" if text else ""


_COLUMNS = {
    "verdict": _Column("verdict", _show_verdict, lambda audit: audit.verdict.value),
    "name": _Column("audit", _show_audit, lambda audit: audit.name),
    "cause": _Column("cause", _show_cause, lambda audit: audit.cause),
    "op": _Column("op or call", lambda audit: _show_path(audit.source), lambda audit: audit.source),
    "line": _Column("line", lambda audit: _show_path(audit.line), lambda audit: audit.line),
    "steps": _Column(
        "steps", lambda audit: show_whole(audit.steps), lambda audit: audit.steps, is_number=True
    ),
    "runs": _Column(
        "runs", lambda audit: show_whole(audit.runs), lambda audit: audit.runs, is_number=True
    ),
    "written": _Column("written", _show_time, lambda audit: audit.written_s, is_number=True),
}
