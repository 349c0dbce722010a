"""Owns the HTML file around the facts: styles and scripts of ours, and what a browser may do with
them."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from typing import Any

# In this order: plain scripts that share one scope.
STYLES = ("page.css",)
SCRIPTS = ("theme.js", "dom.js", "table.js", "code.js", "finding.js", "trials.js")
LAST_SCRIPTS = ("sections.js", "page.js")
# Only where there is something to draw.
PICTURE_STYLES = ("pictures.css",)
PICTURE_SCRIPTS = ("columns.js", "canvas.js", "text_filter.js")
GROWTH_STYLES = ("vendor/uPlot.min.css",)
GROWTH_SCRIPTS = (
    "vendor/uPlot.iife.min.js",
    "growth_cells.js",
    "growth_figures.js",
    "growth_detail.js",
    "growth_marks.js",
    "growth_overview.js",
    "growth_paint.js",
    "growth_parts.js",
    "growth_input.js",
    "growth.js",
)
STREAM_SCRIPTS = (
    "stream_rows.js",
    "stream_paint.js",
    "stream_parts.js",
    "stream_input.js",
    "stream.js",
)
# Only where more was asked than whether runs are equal.
ASKED_STYLES = ("asked.css",)
ASKED_SCRIPTS = ("asked.js",)
# What is told to a browser without scripts.
_MOST_PLAIN_BYTES = 50_000
_MARKUP_BYTES = 10_000  # about what the elements around it all take


def write_document(payload: dict[str, Any]) -> str:
    """Return the page. Every character of it is printable, or ends a line."""
    styles, scripts = _choose_assets(payload)
    lines = [
        "<!doctype html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_make_policy(styles, scripts)}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        '<meta name="referrer" content="no-referrer">',
        # A browser would ask the page's server for one otherwise.
        '<link rel="icon" href="data:,">',
        f"<title>{html.escape(payload['title'])}</title>",
    ]
    lines += [f"<style>{read_asset(name)}</style>" for name in styles]
    lines += ["</head>", "<body>", *_write_plain(payload)]
    lines += [f'<script type="application/json" id="payload">{write_payload(payload)}</script>']
    lines += [f"<script>{read_asset(name)}</script>" for name in scripts]
    lines += ["</body>", "</html>"]
    return "\n".join(lines) + "\n"


def measure_shell() -> int:
    """Return how many bytes a page has at most beside its facts."""
    names = (
        *STYLES,
        *PICTURE_STYLES,
        *GROWTH_STYLES,
        *SCRIPTS,
        *PICTURE_SCRIPTS,
        *GROWTH_SCRIPTS,
        *STREAM_SCRIPTS,
        *ASKED_STYLES,
        *ASKED_SCRIPTS,
        *LAST_SCRIPTS,
    )
    assets = sum(len(read_asset(name).encode()) for name in names)
    return assets + _MOST_PLAIN_BYTES + _MARKUP_BYTES


def _choose_assets(payload: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Return the styles and the scripts that these facts need."""
    has_growth = any(result["growth"] is not None for result in payload["results"])
    has_ops = any(result["ops"] is not None for result in payload["results"])
    styles = [*STYLES]
    scripts = [*SCRIPTS]
    if has_growth or has_ops:
        styles += PICTURE_STYLES
        scripts += PICTURE_SCRIPTS
    if has_growth:
        styles += GROWTH_STYLES
        scripts += GROWTH_SCRIPTS
    if has_ops:
        scripts += STREAM_SCRIPTS
    if any("asked" in result for result in payload["results"]):
        styles += ASKED_STYLES
        scripts += ASKED_SCRIPTS
    return styles, [*scripts, *LAST_SCRIPTS]


def write_payload(payload: Any) -> str:
    """Return JSON in ASCII, on one line, in which nothing ends the element that holds it."""
    text = json.dumps(payload, separators=(",", ":"), allow_nan=False)
    # The second is what begins a command for some CI services, wherever in a line it stands.
    return text.replace("<", r"\u003c").replace("##[", r"\u0023#[")


@cache
def read_asset(name: str) -> str:
    """Return one of our styles or scripts, or of uPlot's."""
    asset = files("reproaudit.report.page").joinpath("assets", *name.split("/"))
    return asset.read_text(encoding="utf-8")


def _make_policy(styles: Iterable[str], scripts: Iterable[str]) -> str:
    """Allow the styles and scripts that we write, and nothing else: no request, no form."""
    style_hashes = " ".join(map(_hash_asset, styles))
    script_hashes = " ".join(map(_hash_asset, scripts))
    return (
        f"default-src 'none'; script-src {script_hashes}; style-src {style_hashes}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


@cache
def _hash_asset(name: str) -> str:
    digest = hashlib.sha256(read_asset(name).encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


def _write_plain(payload: dict[str, Any]) -> Iterator[str]:
    """Yield what a browser shows that runs no scripts: the answers, and what to do."""
    yield "<noscript>"
    yield "<p>This page needs scripts, which are switched off here. In short:</p>"
    left = _MOST_PLAIN_BYTES
    for line in _list_plain_lines(payload):
        left -= len(line.encode()) + 1
        if left < 0:
            yield "<p>… the rest needs scripts</p>"
            break
        yield line
    yield "</noscript>"


def _list_plain_lines(payload: dict[str, Any]) -> Iterator[str]:
    results = payload["results"]
    if not results:
        yield f"<p>{html.escape(payload['title'])}</p>"
    for result in results:
        answer = result["answer"]
        yield f"<h1>{html.escape(result['verdict_words'])}: {html.escape(result['name'])}</h1>"
        yield f"<p>{html.escape(result['headline'])}</p>"
        for sentence in filter(None, (answer["advice"], answer["repair"])):
            yield f"<p>{html.escape(sentence)}</p>"
        for patch in answer["patches"]:
            lines = "\n".join(patch["lines"]).expandtabs(4)
            yield f"<pre>{html.escape(lines)}</pre>"
