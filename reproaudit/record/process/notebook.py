"""Running a notebook's cells: this process is their kernel, as `python -m ipykernel_launcher` is.

Whoever started it sends the cells and prints what they show: `runs/notebook_driver.py`.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from reproaudit.config.notebook import Cell, Notebook, read_notebook
from reproaudit.model.events import Outcome, OutcomeKind, Unchecked
from reproaudit.record.hooks import cells, own_paths
from reproaudit.record.process.outcomes import describe_end
from reproaudit.trace.words import CONNECTION_SUFFIX

if TYPE_CHECKING:
    from reproaudit.record.process.host import Host

_NATIVE = "python3"  # the kernel of the interpreter that looks for it
# Names of the code that these run: what a cell with such a first line runs.
_BODIES = ("<timed exec>", "<timed eval>", "<magic-timeit>")
_executable = sys.executable


def run_notebook(host: Host) -> None:
    """Be the kernel of the plan's notebook until it is told to end."""
    plan = host.plan
    notebook = read_notebook(plan.subject.file)
    sys.argv = _write_command_line(f"{plan.trace_dir}{CONNECTION_SUFFIX}")
    # As the launcher does. IPython brings it back when all of Jupyter's own is imported.
    if sys.path and own_paths.realpath(sys.path[0]) == own_paths.realpath(os.getcwd()):
        del sys.path[0]
    from ipykernel.kernelapp import IPKernelApp

    _note_kernel(host, notebook.kernel)
    app = IPKernelApp.instance()
    app.initialize(sys.argv[1:])
    shell = app.shell
    assert shell is not None

    def conclude(outcome: Outcome) -> None:
        host.outcome = outcome

    path = own_paths.realpath(plan.subject.file)
    CellProgress(path, notebook, shell.compile, conclude).watch(shell)
    app.start()


def _write_command_line(connection: str) -> list[str]:
    found = importlib.util.find_spec("ipykernel_launcher")
    launcher = found.origin if found is not None and found.origin else "ipykernel_launcher"
    # No history of this run is left in the person's own, and no warning of Jupyter's in its output.
    return [
        launcher,
        "-f",
        connection,
        "--HistoryManager.hist_file=:memory:",
        "--IPKernelApp.log_level=40",
    ]


def _note_kernel(host: Host, name: str) -> None:
    """Note if the notebook names another kernel than this interpreter's."""
    if not name or name == _NATIVE:
        return
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    try:
        command = KernelSpecManager().get_kernel_spec(name).argv
    except NoSuchKernel:
        why = "it is not installed"
    else:
        python = command[0] if command else ""
        if not os.path.isabs(python) or os.path.samefile(python, _executable):
            return
        why = f"it is that of {python}"
    host.note(
        Unchecked.OTHER_KERNEL,
        f"the notebook under its own kernel, {name!r}",
        f"{why}: it ran under the interpreter of this audit",
    )


class CellProgress:
    """Knows which cell is executed, what its code is called, and how the last one ended.

    `on_end` is told how the notebook has ended so far.
    """

    def __init__(
        self, path: str, notebook: Notebook, compiler: Any, on_end: Callable[[Outcome], None]
    ) -> None:
        self._path = path
        self._cells = notebook.cells
        self._compiler = compiler
        self._on_end = on_end
        self._cache = compiler.cache
        self._executed: Cell | None = None
        self._depth = 0  # of cells that run cells, as `%%capture` does

    def watch(self, shell: Any) -> None:
        """Follow what the shell executes from now on."""
        # Code is named, and shown by tracebacks, as without us.
        self._compiler.cache = self._name_code
        shell.events.register("pre_run_cell", self._begin)
        shell.events.register("post_run_cell", self._end)

    def _begin(self, info: Any) -> None:
        self._depth += 1
        if self._depth > 1 or not info.store_history:
            return
        self._executed = self._find_next(str(info.raw_cell))
        for name in _BODIES:
            cells.forget_code(name)
            cell = self._executed
            if cell is not None and cell.has_magic_body:
                before = cell.lines_before + 1
                body = "\n".join(cell.as_python().split("\n")[before:])
                before += len(body) - len(body.lstrip("\n"))
                cells.name_code(name, self._describe(cell, before, body.lstrip("\n")))

    def _end(self, result: Any) -> None:
        self._depth -= 1
        cell = self._executed
        if self._depth > 0 or cell is None or not result.info.store_history:
            return
        error = result.error_before_exec or result.error_in_exec
        if error is None or cell.may_fail:
            self._on_end(Outcome(OutcomeKind.COMPLETED, 0))
        else:
            self._on_end(describe_end(error, f"in cell {cell.number}: "))

    def _find_next(self, text: str) -> Cell | None:
        """Return the next cell with this text; None if it is none of the notebook's.

        They come in their order, so that of two with one text it is the one whose turn it is.
        """
        start = 0 if self._executed is None else self._executed.number
        for cell in (*self._cells[start:], *self._cells[:start]):
            if cell.source == text and not cell.is_skipped:
                return cell
        return None

    def _name_code(self, transformed: str, number: int = 0, raw_code: str | None = None) -> Any:
        name = self._cache(transformed, number, raw_code=raw_code)
        cell = self._executed
        raw = transformed if raw_code is None else raw_code
        if cell is None or not isinstance(name, str):
            return name
        # A magic runs a part of its cell.
        position = cell.source.find(raw)
        if position >= 0:
            blank = len(raw) - len(raw.lstrip())
            before = cell.source.count("\n", 0, position) + raw.count("\n", 0, blank)
            cells.name_code(name, self._describe(cell, before, transformed))
        return name

    def _describe(self, cell: Cell, before: int, text: str) -> cells.CellCode:
        return cells.CellCode(self._path, cell.number, before, text)
