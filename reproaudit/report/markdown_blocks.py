"""Owns the blocks of a report for a screen as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from reproaudit.report.blocks import Answer, Block, Code, Entry, Fact, Line, Rows, Section
from reproaudit.report.blocks import Cut as Shortened
from reproaudit.report.layout import Cut
from reproaudit.report.markdown_text import code, fence, text


def write_sections(sections: Iterable[Section]) -> Iterator[list[str]]:
    """Yield the lines of each section that has any, below a heading of the fourth level."""
    for section in sections:
        if section.blocks:
            yield [f"#### {text(section.title)}", "", *_write_blocks(section.blocks)]


def _write_blocks(blocks: Iterable[Block]) -> list[str]:
    lines: list[str] = []
    for block in blocks:
        if isinstance(block, Rows):
            lines += [*_write_table(block), ""]
        elif isinstance(block, Code):
            lines += ["", *fence(block.lines, "diff" if block.is_diff else "python"), ""]
        elif isinstance(block, Fact) and not block.label and lines:
            # It belongs to the one before.
            lines[-1] += f"; {text(block.text)}"
        else:
            lines.append(f"- {_write_words(block)}")
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _write_words(block: Fact | Answer | Entry | Line | Shortened) -> str:
    if isinstance(block, Fact):
        return f"{text(block.label)}: {text(block.text)}" if block.label else text(block.text)
    if isinstance(block, Answer):
        return f"{text(block.kind)}: {text(block.answer)}, {text(block.meaning)}"
    return text(block.text)


def _write_table(block: Rows) -> Iterator[str]:
    """Yield the rows of a table; columns without any text are left out."""
    used = [
        number for number in range(len(block.columns)) if any(row[number] for row in block.rows)
    ]
    columns = [block.columns[number] for number in used]
    yield _write_row([text(column.name) for column in columns])
    yield _write_row(["---:" if column.is_number else "---" for column in columns])
    for row in block.rows:
        cells = []
        for number, column in zip(used, columns, strict=True):
            # What may lose its middle or its start elsewhere is a name: of a file, an operator.
            is_name = column.cut in (Cut.MIDDLE, Cut.START)
            cells.append(code(row[number], in_table=True) if is_name else text(row[number]))
        yield _write_row(cells)


def _write_row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
