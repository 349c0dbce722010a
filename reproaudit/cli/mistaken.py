"""Warns where a word of the command line was hardly meant for the one who got it."""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Iterator, Sequence

from reproaudit.cli.arguments import Parser, Words, part_words
from reproaudit.files import Unreadable, read_bytes
from reproaudit.printable import make_printable

_MOST_BYTES = 16 << 20  # of a program
_NEAR = 0.8  # how alike two options are of which one may be the other, mistyped


def split_and_warn(parser: Parser, words: Sequence[str]) -> tuple[list[str], str | None, list[str]]:
    """Split the command line as `split_words` does; doubtful words are told on stderr."""
    parted = part_words(parser, words)
    for warning in find_mistaken(parser, parted):
        print(f"reproaudit: warning: {make_printable(warning)}", file=sys.stderr)
    return [*parted.before, *parted.behind], parted.subject, list(parted.own)


def find_mistaken(parser: Parser, words: Words) -> list[str]:
    """Return warnings of words behind the subject that the other side may have been meant to get.

    They are options of ours that the program has too, and options of the program's that it does
    not seem to have while we have one like them. The program's text decides; where it cannot be
    read, every word of ours behind the program is told.
    """
    if words.subject is None or words.is_parted:
        return []
    text = _read_program(words.subject)
    return [
        *_find_taken(parser, words, text),
        *_find_passed_on(parser, words, text),
    ]


def _find_taken(parser: Parser, words: Words, text: str | None) -> Iterator[str]:
    """Yield a warning for each option behind the subject that is ours and may be the program's."""
    options = parser.list_options()
    for number, word in enumerate(words.behind):
        name = word.partition("=")[0]
        if not word.startswith("-") or name not in options:
            continue
        if text is not None and not _mentions(text, name):
            continue
        said = word
        if options[name].nargs is None and "=" not in word:
            said = " ".join(words.behind[number : number + 2])
        yield (
            f"{said} was read as reproaudit's own, though it stands behind {words.subject}: "
            f"write `{words.subject} -- {said}` to give it to the program"
        )


def _find_passed_on(parser: Parser, words: Words, text: str | None) -> Iterator[str]:
    """Yield a warning for each option that the program gets and may not know, and that is like
    one of ours."""
    if text is None:
        return
    ours = [name for name in parser.list_options() if name.startswith("--")]
    for word in words.own:
        name = word.partition("=")[0]
        if not name.startswith("--") or _mentions(text, name):
            continue
        near = difflib.get_close_matches(name, ours, n=1, cutoff=_NEAR)
        if near:
            yield (
                f"{name} was given to {words.subject}, whose text does not mention it; an option "
                f"of reproaudit is {near[0]}, and stands before the program"
            )


def _read_program(subject: str) -> str | None:
    path = subject.partition("::")[0]
    try:
        return read_bytes(path, _MOST_BYTES).decode("utf-8", errors="replace")
    except (FileNotFoundError, Unreadable):
        return None


def _mentions(text: str, name: str) -> bool:
    """Return True if the text has the option, or declares a field or a parameter of its name."""
    field = name.lstrip("-").replace("-", "_")
    found = re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text)
    return found is not None or re.search(rf"\b{re.escape(field)}\s*:\s*\w", text) is not None
