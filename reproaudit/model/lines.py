"""Lines of text that a fact holds, such as those of a patch."""

from __future__ import annotations


class Lines(tuple[str, ...]):
    """Lines without their ends. As text, `str(lines)`, they are joined: `print` shows them as they
    would stand in a file."""

    __slots__ = ()

    def __str__(self) -> str:
        return "\n".join(self)
