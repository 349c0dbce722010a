"""Owns the report that is read on a screen: the answer first, then where, why, what else, how sure,
what next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reproaudit.model.result import AuditResult
from reproaudit.model.verdict import Verdict
from reproaudit.report.blocks import Answer, Block, Code, Entry, Fact, Rows
from reproaudit.report.layout import make_table, put_beside, wrap_beside, wrap_entry
from reproaudit.report.places import move_to_working_folder
from reproaudit.report.sections import list_sections
from reproaudit.report.verdicts import name_answer
from reproaudit.report.wording import show_prose

_NARROWEST = 60  # columns of a screen
_INDENT = "  "
_KIND_WIDTH = 10  # characters that a kind of evidence and its gap take
_ANSWER_WIDTH = 5
_BOLD = "\x1b[1m"
_RED = "\x1b[1;31m"
_GREEN = "\x1b[1;32m"
_YELLOW = "\x1b[1;33m"
_PLAIN = "\x1b[0m"
_COLOURS = {Verdict.REPRODUCIBLE: _GREEN, Verdict.NOT_REPRODUCIBLE: _RED}


@dataclass(frozen=True, slots=True)
class TerminalOptions:
    """`max_rows` caps every table and list; what is cut is counted. `width` below 60 is taken as
    60."""

    colour: bool = False
    width: int = 100
    max_rows: int = 20


@dataclass(frozen=True, slots=True)
class TerminalReport:
    options: TerminalOptions = TerminalOptions()

    def render(self, result: AuditResult) -> str:
        """Return the report; its first line alone answers the question, and is never wrapped."""
        result = move_to_working_folder(result)
        width = max(self.options.width, _NARROWEST) - len(_INDENT)
        max_rows = max(self.options.max_rows, 1)
        lines = [self._answer(result)]
        for section in list_sections(result, max_rows=max_rows):
            body = lay_out(section.blocks, width)
            if not body:
                continue
            lines.append("")
            lines.append(self._paint(section.title, _BOLD))
            for line in body:
                lines.append(f"{_INDENT}{line}".rstrip())
        return "\n".join(lines) + "\n"

    def render_all(
        self, results: Sequence[AuditResult], accepted: frozenset[str] = frozenset()
    ) -> str:
        """Return the reports one after the other. What is accepted is not marked: it differs all
        the same."""
        return "\n".join(map(self.render, results)) or "nothing was audited\n"

    def _answer(self, result: AuditResult) -> str:
        colour = _COLOURS.get(result.verdict, _YELLOW)
        word = self._paint(name_answer(result), colour)
        if not result.headline.strip():
            return word
        return f"{word}: {show_prose(result.headline)}"

    def _paint(self, text: str, colour: str) -> str:
        if not self.options.colour:
            return text
        return f"{colour}{text}{_PLAIN}"


def lay_out(blocks: Iterable[Block], width: int) -> list[str]:
    """Return blocks as lines of at most `width` characters, save for what must not be broken."""
    lines: list[str] = []
    for block in blocks:
        if isinstance(block, Fact):
            lines += wrap_beside(block.label, block.text, width)
        elif isinstance(block, Answer):
            lines += _lay_out_answer(block, width)
        elif isinstance(block, Code):
            lines += _lay_out_code(block)
        elif isinstance(block, Entry):
            lines += wrap_entry(block.text, width)
        elif isinstance(block, Rows):
            lines += make_table(block.columns, block.rows, width)
        else:
            lines.append(block.text)
    return lines


def _lay_out_answer(block: Answer, width: int) -> list[str]:
    meaning = put_beside(block.answer, block.meaning, _ANSWER_WIDTH)
    row = put_beside(block.kind, meaning, _KIND_WIDTH)
    return wrap_beside(block.label, row, width, _KIND_WIDTH + _ANSWER_WIDTH)


def _lay_out_code(block: Code) -> list[str]:
    # Its indentation is part of it.
    first, *others = block.lines
    return [put_beside(block.label, first), *(put_beside("", line) for line in others)]
