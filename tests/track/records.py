"""A record that has something of everything, and one that a tracker can hardly take."""

from __future__ import annotations

from reproaudit.track.record import Histogram, Series, Table, TrackRecord

RECORD = TrackRecord(
    name="reproaudit train.py",
    note="2 runs, 2 distinct",
    metrics=(("reproaudit/divergence_rate", 0.5), ("reproaudit/max_abs", 3.6e-12)),
    params=(("settings.seed", "0"), ("environment.torch", "2.13.0")),
    tags=(("reproaudit.verdict", "not-reproducible"), ("reproaudit.line", "train.py:3")),
    tables=(Table("divergences", ("name", "max_abs"), (("weight", 3.6e-12), ("ü", None))),),
    series=(Series("reproaudit/growth/gradient/layers.1", ((0, 0.0), (1, 4.0), (5, 1e30))),),
    histograms=(Histogram("gradient weight", 2, ((1.0, 7), (2.0, 1))),),
    texts=(("summary.md", "# not reproducible\n"),),
    files=(("result.json", b"{}\n"), ("report.html", b"<!doctype html>page\n")),
)

# Names as programs have them: none, some that no path may hold, and some that are alike once cut.
ODD_NAMES = ("", "..", "/", "a//b", "ü日本", "a*b?", "a\\b", "*" * 300, "*" * 299 + "+")
ODD = TrackRecord(
    name="日本 " * 200,
    note="n" * 100_000,
    metrics=tuple((f"x/{name}", 1.0) for name in ODD_NAMES),
    params=(
        *((name, "v") for name in ODD_NAMES),
        ("long", "x" * 10_000),
        *((f"param {number}", "ü" * 3000) for number in range(300)),
    ),
    tags=(
        ("reproaudit.verdict", "reproducible"),
        *((f"t/{name}", "t" * 9000) for name in ODD_NAMES),
    ),
    tables=(Table("odd", ("a", "b"), ((None, None), ("", 1), ("|*<b>", 2))),),
    series=tuple(Series(f"y/{name}", ((0, 1.0), (1, 1e308))) for name in ODD_NAMES),
    histograms=tuple(Histogram(f"z/{name}", 0, ((1e300, 1),)) for name in ODD_NAMES),
)
