"""Executes a notebook: starts its kernel, which is the audited process, sends it the cells and
prints what they show, as it comes."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import re
import resource
import signal
import sys
import warnings
from pathlib import Path
from typing import Any

from reproaudit.config.plan import find_trace_dir, from_json, name_plan_file
from reproaudit.errors import ReproauditError, SubjectError, UsageError
from reproaudit.prctl import end_with_parent
from reproaudit.runs.interpreter import interpreter_flags
from reproaudit.startup import RECORDER
from reproaudit.trace.failure import write_failure
from reproaudit.trace.words import CONNECTION_SUFFIX, EXIT_USAGE

_COMPLETE = "AuditComplete"  # ends the cell in which the audit has seen enough
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_START_S = 600  # a kernel may start on a busy machine
_END_S = 120.0  # the kernel may have much to write
_FAILED = 1


def main(plan_path: str, parent: int = 0, held: int | None = None) -> None:
    """Execute the notebook of the plan, and end as its kernel did, or with 1 if a cell failed."""
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    end_as(_run(plan_path, parent, held))


def _run(plan_path: str, parent: int, held: int | None) -> int:
    """Return how the kernel has ended, as `Popen` says it."""
    if parent:
        end_with_parent(parent)
    try:
        _require_libraries()
        if held is not None:
            if not os.read(held, 1):  # the runner is gone, or needs no further run
                return 0
            os.close(held)
        notebook = from_json(Path(plan_path).read_text(encoding="utf-8")).subject.file
        return asyncio.run(_execute(notebook, find_trace_dir(plan_path)))
    except ReproauditError as error:
        if not write_failure(find_trace_dir(plan_path), error):
            sys.stderr.write(f"reproaudit: {error}\n")
        return EXIT_USAGE


def _require_libraries() -> None:
    """Import what executes notebooks. Raises UsageError if it is not installed."""
    try:
        import ipykernel
        import nbclient
        import nbformat
    except ImportError as error:
        raise UsageError(
            f"a notebook needs nbclient, nbformat and ipykernel: {error}",
            code="notebook-extra",
            hint="pip install 'reproaudit[notebook]'",
        ) from None
    del ipykernel, nbclient, nbformat


async def _execute(notebook: Path, trace_dir: str) -> int:
    import nbformat
    from nbclient.exceptions import CellExecutionError, DeadKernelError

    manager = _make_manager(trace_dir)
    # A notebook need not be valid in all to be run.
    warnings.simplefilter("ignore")
    cells = nbformat.read(notebook, as_version=4)
    client = _make_client(cells, manager)
    failed = False
    # Where Jupyter starts the kernel of a notebook.
    await client.async_start_new_kernel(cwd=str(notebook.parent))
    kernel = manager.provisioner.process
    try:
        await client.async_execute()
    except CellExecutionError as error:
        failed = error.ename != _COMPLETE
    except (DeadKernelError, RuntimeError) as error:
        # One that has ended says itself how.
        if kernel.poll() is None:
            raise _make_kernel_error(error) from None
    finally:
        await _end_kernel(client, manager)
    return _FAILED if failed else kernel.wait()


def _make_manager(trace_dir: str) -> Any:
    """Return what starts the recorder as the kernel, whatever the notebook names."""
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager

    command = [sys.executable, *interpreter_flags()]
    command += [RECORDER, name_plan_file(trace_dir), str(os.getpid())]

    class Manager(AsyncKernelManager):
        @property
        def kernel_spec(self) -> KernelSpec:
            return KernelSpec(argv=command, display_name="Python", language="python")

    return Manager(
        connection_file=f"{trace_dir}{CONNECTION_SUFFIX}",
        shutdown_wait_time=_END_S,
    )


def _make_client(cells: Any, manager: Any) -> Any:
    from nbclient import NotebookClient

    class Client(NotebookClient):
        """Prints what cells show, and keeps nothing of it."""

        def output(self, outs: Any, msg: Any, display_id: Any, cell_index: int) -> Any:
            if self.output_hook_stack[msg["parent_header"].get("msg_id")]:
                # A widget takes it.
                return super().output(outs, msg, display_id, cell_index)
            sys.stdout.write(_COLOURS.sub("", read_output(msg)))
            sys.stdout.flush()
            return None

    # The recorder itself keeps the history of the kernel out of the person's own.
    return Client(cells, km=manager, timeout=None, startup_timeout=_START_S, ipython_hist_file="")


def read_output(message: dict[str, Any]) -> str:
    """Return as text what a message of a kernel shows."""
    content = message["content"]
    kind = message["msg_type"]
    if kind == "stream":
        return str(content["text"])
    if kind == "error":
        lines = [] if content["ename"] == _COMPLETE else content["traceback"]
        return "".join(f"{line}\n" for line in lines)
    text = content.get("data", {}).get("text/plain", "")
    return f"{text}\n" if text else ""


async def _end_kernel(client: Any, manager: Any) -> None:
    """Ask the kernel to end, and wait: it writes how the run ended.

    `shutdown_kernel` would interrupt first what the program has started.
    """
    atexit.unregister(client._cleanup_kernel)
    if await manager.is_alive():
        await manager._async_request_shutdown()
        await manager._async_finish_shutdown()
    await manager._async_cleanup_resources()
    if client.kc is not None:
        client.kc.stop_channels()


def _make_kernel_error(error: Exception) -> SubjectError:
    return SubjectError(
        f"the notebook's kernel does not answer: {error}",
        code="notebook-kernel",
        hint="does the notebook run in Jupyter?",
    )


def end_as(code: int) -> None:
    """End as the kernel did: with its exit code, or by its signal."""
    if code < 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the kernel has left one, if any
        with contextlib.suppress(OSError, ValueError):  # SIGKILL has no handler
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    sys.exit(code)
