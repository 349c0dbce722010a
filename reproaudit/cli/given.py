"""The options that a user gave, for the commands that a report suggests."""

from __future__ import annotations

from collections.abc import Sequence

from reproaudit.cli.arguments import Parser

# What a suggested command says itself, what the subject knows, and where reports and traces went.
_LEFT_OUT = frozenset(
    {
        "--fast",
        "--inputs",
        "--no-source",
        "--out",
        "--plain",
        "--quiet",
        "--rate",
        "--report",
        "--repro",
        "--runs",
        "--seeds",
        "--show-output",
        "--thorough",
        "--track",
    }
)


def keep_options(parser: Parser, words: Sequence[str]) -> tuple[str, ...]:
    """Return the words of the options that change what is run and what counts as equal."""
    options = parser.list_options()
    kept: list[str] = []
    rest = list(words)
    while rest:
        taken = [rest.pop(0)]
        name, equals, _ = taken[0].partition("=")
        # As `split_words` takes them: an option whose value may be left out has it behind "=".
        if options[name].nargs is None and not equals and rest:
            taken.append(rest.pop(0))
        if name not in _LEFT_OUT:
            kept += taken
    return tuple(kept)
