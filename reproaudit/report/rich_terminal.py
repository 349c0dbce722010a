"""Owns the report on a terminal that rich draws: the words of the plain one, in colours, and
pictures between them.

No text is taken for markup: names are those of a stranger's program.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from reproaudit.model.aligned_ops import AlignedOps
from reproaudit.model.result import AuditResult
from reproaudit.model.verdict import Verdict
from reproaudit.report.blocks import Answer, Block, Code, Cut, Entry, Fact, Line, Rows, Topic
from reproaudit.report.excerpts import show_excerpt
from reproaudit.report.layout import LABEL_WIDTH, Column
from reproaudit.report.layout import Cut as Shortening
from reproaudit.report.nearby_ops import find_nearby_ops
from reproaudit.report.places import move_to_working_folder
from reproaudit.report.rich_pictures import draw_excerpt, draw_growth_lines, draw_ops
from reproaudit.report.sections import list_sections
from reproaudit.report.verdicts import name_answer
from reproaudit.report.wording import show_count, show_prose

_NARROWEST = 20  # columns
_WIDEST = 160
_PROSE = 110  # columns that a sentence takes at most
_INDENT = 2
_STACKED = 60  # columns below which a row of a table has a line for each cell
_OPS_BEFORE, _OPS_AFTER = 4, 7

_VERDICTS = {Verdict.REPRODUCIBLE: ("✓", "bold green"), Verdict.NOT_REPRODUCIBLE: ("≠", "bold red")}
_OTHER_VERDICT = ("!", "bold yellow")
_FACTS = {"line": "cyan", "op": "bold", "call": "bold"}
_ANSWERS = {"yes": "bold red", "no": "green"}
# By how a line of a diff begins; of two that fit, the one that stands first.
_DIFF = (("+++", "bold"), ("---", "bold"), ("@@", "cyan"), ("+", "green"), ("-", "red"))


@dataclass(frozen=True, slots=True)
class RichOptions:
    """`width` in columns of the terminal; `max_rows` caps every table and list."""

    width: int = 100
    max_rows: int = 20


@dataclass(frozen=True, slots=True)
class RichTerminalReport:
    options: RichOptions = RichOptions()

    def render(self, result: AuditResult) -> str:
        """Return the report with the escape sequences of a terminal, the same for the same
        result."""
        width = min(max(self.options.width, _NARROWEST), _WIDEST)
        screen = _Screen(width)
        result = move_to_working_folder(result)
        screen.print(_show_answer(result))
        for section in list_sections(result, max_rows=max(self.options.max_rows, 1)):
            is_first = section.topic is Topic.WHERE
            if section.blocks:
                screen.print_title(section.title)
                if is_first:
                    _print_first(screen, section.blocks, result)
                else:
                    screen.print_blocks(section.blocks)
            if is_first:
                _print_growth(screen, result)
                _print_ops(screen, result)
        return screen.text


class _Screen:
    """What was printed so far."""

    def __init__(self, width: int) -> None:
        self.width = width - _INDENT
        self._file = io.StringIO()
        self._console = Console(
            file=self._file,
            width=width,
            force_terminal=True,
            # The sixteen colours that every terminal shows in a palette of its user's choice.
            color_system="standard",
            no_color=False,
            legacy_windows=False,
            markup=False,
            highlight=False,
            emoji=False,
        )

    @property
    def text(self) -> str:
        return self._file.getvalue()

    def print(self, what: RenderableType) -> None:
        self._console.print(what)

    def print_title(self, title: str) -> None:
        self.print("")
        self.print(Text(title, "bold"))

    def print_indented(self, what: RenderableType, more: int = 0) -> None:
        self.print(Padding(what, (0, 0, 0, _INDENT + more), expand=False))

    def print_whole(self, text: Text, indent: int) -> None:
        """Print a line that is not to be broken: it is there to be copied."""
        self._console.print(Text(" " * indent) + text, soft_wrap=True)

    def print_blocks(self, blocks: Sequence[Block]) -> None:
        facts: list[Fact | Answer] = []
        for block in blocks:
            if isinstance(block, Fact | Answer):
                facts.append(block)
                continue
            self._print_facts(facts)
            facts = []
            self._print_block(block)
        self._print_facts(facts)

    def _print_facts(self, facts: Sequence[Fact | Answer]) -> None:
        if not facts:
            return
        table = Table.grid(padding=(0, 1))
        table.add_column(width=LABEL_WIDTH - 1, no_wrap=True)
        table.add_column(max_width=_PROSE, overflow="fold")
        for fact in facts:
            shown = _show_fact(fact) if isinstance(fact, Fact) else _show_evidence(fact)
            table.add_row(Text(fact.label, "dim"), shown)
        self.print_indented(table)

    def _print_block(self, block: Code | Entry | Rows | Line | Cut) -> None:
        if isinstance(block, Code):
            self._print_code(block)
        elif isinstance(block, Rows):
            draw = _draw_rows if self.width >= _STACKED else _stack_rows
            self.print_indented(draw(block))
        elif isinstance(block, Entry):
            table = Table.grid(padding=(0, 1))
            table.add_column(width=1)
            table.add_column(max_width=_PROSE, overflow="fold")
            table.add_row(Text("·", "dim"), Text(block.text))
            self.print_indented(table)
        else:
            self.print_whole(Text(block.text, "dim" if isinstance(block, Cut) else ""), _INDENT)

    def _print_code(self, block: Code) -> None:
        indent = _INDENT
        if self.width >= _STACKED:
            indent += LABEL_WIDTH
        if block.label:
            self.print_indented(Text(block.label, "dim"))
        for line in block.lines:
            style = _find_diff_style(line) if block.is_diff else ""
            self.print_whole(Text(line, style), indent)


def _show_answer(result: AuditResult) -> Text:
    sign, style = _VERDICTS.get(result.verdict, _OTHER_VERDICT)
    text = Text.assemble((f"{sign} {name_answer(result)}", style))
    if result.headline.strip():
        text.append(f": {show_prose(result.headline)}")
    return text


def _print_first(screen: _Screen, blocks: Sequence[Block], result: AuditResult) -> None:
    """Print the first finding, its lines of source below the place that it names."""
    location = result.findings[0].location if result.findings else None
    lines = show_excerpt(location, result.excerpts)
    if lines:
        screen.print_blocks(blocks[:1])
        screen.print("")
        screen.print_indented(draw_excerpt(lines, screen.width))
        screen.print("")
        blocks = blocks[1:]
    screen.print_blocks(blocks)


def _print_growth(screen: _Screen, result: AuditResult) -> None:
    growth = result.growth
    if growth is None:
        return
    first, second = growth.runs
    steps = show_count(growth.steps, "step")
    title = f"How it grows over {steps}, between runs {first} and {second}"
    _print_picture(screen, title, lambda: draw_growth_lines(growth, screen.width))


def _print_ops(screen: _Screen, result: AuditResult) -> None:
    ops = result.ops
    if ops is not None:
        title = "Operators where the runs part"
        _print_picture(screen, title, lambda: _draw_nearby(ops, screen.width))


def _draw_nearby(ops: AlignedOps, width: int) -> RenderableType | None:
    nearby = find_nearby_ops(ops, before=_OPS_BEFORE, after=_OPS_AFTER)
    return None if nearby is None else draw_ops(nearby, width)


def _print_picture(screen: _Screen, title: str, draw: Callable[[], RenderableType | None]) -> None:
    """Print a picture under its title, if there is one; of one that cannot be drawn, why."""
    try:
        picture = draw()
    except ValueError as error:
        picture = Text(f"cannot be drawn: {show_prose(str(error))}", "yellow")
    if picture is not None:
        screen.print_title(title)
        screen.print_indented(picture)


def _show_fact(fact: Fact) -> Text:
    text = Text(fact.text, _FACTS.get(fact.label, ""))
    if fact.label == "cause":
        text.stylize("bold magenta", 0, fact.text.find(" "))
    return text


def _show_evidence(answer: Answer) -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_column(width=9, no_wrap=True)
    table.add_column(width=4, no_wrap=True)
    table.add_column(overflow="fold")
    style = _ANSWERS.get(answer.answer, "dim")
    table.add_row(Text(answer.kind), Text(answer.answer, style), Text(answer.meaning))
    return table


def _list_used(block: Rows) -> list[int]:
    """Return the numbers of the columns that have any text."""
    numbers = range(len(block.columns))
    return [number for number in numbers if any(row[number] for row in block.rows)]


def _draw_rows(block: Rows) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_edge=False)
    used = _list_used(block)
    for number in used:
        column: Column = block.columns[number]
        shrinks = column.cut is not Shortening.NOTHING
        table.add_column(
            Text(column.name, "dim"),
            justify="right" if column.is_number else "left",
            no_wrap=not shrinks,
            overflow="fold",
        )
    for row in block.rows:
        table.add_row(*(Text(row[number]) for number in used))
    return table


def _stack_rows(block: Rows) -> Table:
    """Return each row as lines of its own, for a screen on which no table has room."""
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for row in block.rows:
        for place, number in enumerate(_list_used(block)):
            label = Text(block.columns[number].name, "dim")
            table.add_row(label, Text(row[number], "" if place else "bold"))
        table.add_row("", "")
    return table


def _find_diff_style(line: str) -> str:
    return next((style for start, style in _DIFF if line.startswith(start)), "")
