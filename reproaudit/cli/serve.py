"""`reproaudit serve`: the audits of a folder in a browser of this machine."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from reproaudit.cli.arguments import Parser
from reproaudit.cli.interrupts import hold_interrupts
from reproaudit.cli.option_values import parse_path, parse_port
from reproaudit.cli.page_options import align_kept_traces
from reproaudit.cli.streams import say
from reproaudit.errors import ReproauditError, UsageError
from reproaudit.model.result import AuditResult
from reproaudit.printable import make_printable


def serve(words: list[str]) -> int:
    """Show the audits of a folder until an interrupt comes; return 0."""
    options = make_serve_parser().parse_args(words)
    with hold_interrupts():
        from reproaudit.report.wording import show_count
        from reproaudit.serve.folder import AuditFolder
        from reproaudit.serve.server import AuditServer

    folder = AuditFolder(_find_folder(options.folder), _render)
    try:
        found = len(folder.look().audits)
    except OSError as error:
        raise _refuse_folder(options.folder, error.strerror or str(error)) from None
    try:
        server = AuditServer(folder, options.folder, options.port)
    except OSError as error:
        raise UsageError(
            f"cannot listen on port {options.port}: {error.strerror}",
            code="serve-port",
            hint="name another with --port, or leave it out: then a free one is taken",
        ) from None
    try:
        print(server.url, flush=True)
        counted = show_count(found, "audit")
        said = make_printable(f"{counted} in {options.folder}; Ctrl-C ends it")
        print(f"reproaudit: {said}", file=sys.stderr)
        server.serve_forever()
    except KeyboardInterrupt:
        pass  # the usual end of a server
    finally:
        server.server_close()
    return 0


def _render(result: AuditResult, folder: Path) -> str:
    """Return the page of a result, with all operators if the traces lie in its folder."""
    from reproaudit.report.page.html_report import HtmlOptions, HtmlReport

    ops = None
    if result.ops is not None and _are_folders(folder, result.ops.folders):
        try:
            ops = align_kept_traces(result, [str(folder)])
        except ReproauditError as error:
            # Those of another result, or damaged: it has operators of its own.
            say(f"reproaudit: {make_printable(error.message)}")
    return HtmlReport(HtmlOptions(ops=ops)).render_all([result])


def _are_folders(folder: Path, names: Sequence[str]) -> bool:
    """Return True if there are folders of these names, and no links to some elsewhere."""
    paths = [folder / Path(name).name for name in names]
    return all(path.is_dir() and not path.is_symlink() for path in paths)


def _find_folder(name: str) -> Path:
    try:
        folder = Path(name).resolve(strict=True)
    except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: a circle of links
        raise _refuse_folder(name, getattr(error, "strerror", None) or str(error)) from None
    if not folder.is_dir():
        raise _refuse_folder(name, "it is no folder")
    return folder


def _refuse_folder(name: str, why: str) -> UsageError:
    return UsageError(
        f"cannot read the folder {name!r}: {why}",
        code="serve-folder",
        hint="name a folder that holds saved results",
    )


def make_serve_parser() -> Parser:
    """Return the parser of `reproaudit serve`."""
    parser = Parser(
        prog="reproaudit serve",
        description="Show the audits that are saved in a folder and below it (result.json, by "
        "whatever name) in a browser of this machine: a list, the page of one, or of two side by "
        "side. The address is printed: it holds a secret, and only this machine reaches it. "
        "Ctrl-C ends it.",
    )
    parser.add_argument("folder", type=parse_path, metavar="FOLDER", help="where saved results lie")
    parser.add_argument(
        "--port",
        type=parse_port,
        default=0,
        metavar="N",
        help="the port to listen on (default: any that is free)",
    )
    return parser
