"""What is a secret by its name, or by its place in an address: it is not to be given away."""

from __future__ import annotations

import re
from collections.abc import Iterable

WITHHELD = "(withheld)"
# Up to the last @ before the path: a password may hold one.
CREDENTIALS = re.compile(r"(?<=://)[^/\s]*@")
# Not what a model or its data is set by, such as num_key_value_heads, tokenizer, max_tokens.
_SECRET = re.compile(
    r"(?i)key(?!board|frame|point|[_-]?(?:value|padding|mask|dim|size))|token(?!s|iz)|secret|passw"
    r"|credential|auth(?!or(?!iz))"
)


def sounds_secret(name: str) -> bool:
    """Return True for the name of an option or a variable whose value is not to be given away."""
    return _SECRET.search(name) is not None


def withhold_value(name: str, value: str) -> str:
    """Return the value of an option or a variable without what is secret in it."""
    if sounds_secret(name):
        return WITHHELD
    return CREDENTIALS.sub(f"{WITHHELD}@", value)


def withhold_secrets(words: Iterable[str]) -> tuple[str, ...]:
    """Return words of a command line without the values of options that sound like secrets, and
    without the names and passwords in addresses."""
    kept: list[str] = []
    hides_next = False
    for word in words:
        name, equals, value = word.partition("=")
        is_option = word.startswith("-")
        if hides_next and not is_option:
            kept.append(WITHHELD)
        elif equals:
            kept.append(f"{name}={withhold_value(name, value)}")
        else:
            kept.append(withhold_value("", word))
        hides_next = is_option and not equals and sounds_secret(name)
    return tuple(kept)
