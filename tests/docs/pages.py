"""The README and the pages of docs/, taken apart into their blocks."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = (
    ROOT / "README.md",
    *sorted(page for page in (ROOT / "docs").rglob("*.md") if "_build" not in page.parts),
)
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page, and the number of its first line."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


@dataclass(frozen=True)
class Screen:
    """A command of a console block, and what the page shows that it printed."""

    block: str
    command: str
    printed: str

    @property
    def words(self) -> list[str]:
        return shlex.split(self.command, comments=True)

    def __str__(self) -> str:
        return f"{self.block} {self.command}"


def list_blocks(language: str) -> list[Block]:
    return [
        Block(name, text.count("\n", 0, found.start()) + 2, found[1], found[2])
        for name, text in _read_pages()
        for found in _FENCE.finditer(text)
        if found[1] == language
    ]


def list_screens() -> list[Screen]:
    return [screen for block in list_blocks("console") for screen in _part(block)]


def list_links() -> list[tuple[Path, str]]:
    """Return each page with what it links to on this disk, without the part after `#`."""
    return [
        (ROOT / name, target.partition("#")[0])
        for name, text in _read_pages()
        for target in _LINK.findall(text)
        if not re.match(r"https?:|mailto:|#", target)
    ]


def _read_pages() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        yield page.relative_to(ROOT).as_posix(), page.read_text(encoding="utf-8")


def _part(block: Block) -> Iterator[Screen]:
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, _, printed = part.partition("\n")
        yield Screen(str(block), command, printed)
