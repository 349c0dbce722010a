"""`reproaudit vary --endpoint URL`: whether a server's answers depend on what it serves besides."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from reproaudit.cli.choices import resolve_choices
from reproaudit.cli.interrupts import hold_interrupts
from reproaudit.cli.option_values import parse_positive
from reproaudit.cli.page_options import choose_page_options
from reproaudit.cli.streams import say
from reproaudit.cli.tracking import track
from reproaudit.config.project import load_project
from reproaudit.errors import SubjectError, UsageError
from reproaudit.model.verdict import Verdict, exit_code
from reproaudit.printable import make_lines_printable
from reproaudit.report.destinations import TRACES
from reproaudit.report.output import check_reports, emit
from reproaudit.track.registry import read_wanted

if TYPE_CHECKING:
    from reproaudit.model.result import AuditResult

_REQUESTS = 16
_TIMEOUT_S = 120.0
_MOST_BYTES = 1 << 24


def add_endpoint(parser: argparse.ArgumentParser) -> None:
    """Add the options that ask a server instead of running a program."""
    group = parser.add_argument_group(
        "a server",
        "ask an OpenAI-style server instead of running a program: one prompt, several, and some "
        "that begin alike, in batches of each size, against each of them alone. Nothing but the "
        "named host is contacted",
    )
    group.add_argument("--endpoint", metavar="URL", help="such as http://127.0.0.1:8000/v1")
    group.add_argument("--model", metavar="NAME", help="default: the only one that it has")
    group.add_argument("--chat", action="store_true", help="ask /chat/completions")
    group.add_argument(
        "--prompts",
        metavar="FILE",
        help="a prompt in each line, or of a .jsonl file in its field `prompt`",
    )
    group.add_argument(
        "--api-key-env",
        metavar="NAME",
        help="the variable that holds the server's key; it is sent as Authorization: Bearer, and "
        "stands in no report",
    )
    group.add_argument(
        "--requests",
        type=parse_positive,
        default=_REQUESTS,
        metavar="N",
        help="at least so many for each size and kind of batch (default %(default)s)",
    )
    group.add_argument(
        "--max-tokens", type=parse_positive, default=32, metavar="N", help="default %(default)s"
    )


def vary_endpoint(options: argparse.Namespace) -> int:
    """Ask the server as the options say; return the exit code."""
    with hold_interrupts():
        from reproaudit.experiment.endpoint import vary_endpoint as ask_endpoint
        from reproaudit.experiment.endpoint_batches import make_prompts, read_sizes
        from reproaudit.experiment.endpoint_client import Endpoint, EndpointOptions
        from reproaudit.runs.progress import progress_for

    check_reports(options.report)
    out = None if options.out is None else Path(options.out)
    if out is not None:
        TRACES.try_folder(out)
    sizes = read_sizes(options.vary)
    trackers = read_wanted(resolve_choices(options, load_project(Path.cwd())).track or ())
    prompts = make_prompts(_read_prompts(options.prompts))
    endpoint = Endpoint(
        EndpointOptions(
            url=_read_url(options.endpoint),
            model=options.model or "",
            is_chat=options.chat,
            tokens=options.max_tokens,
            seed=options.seed or 0,
            timeout_s=options.timeout or _TIMEOUT_S,
            key=_read_key(options.api_key_env),
        )
    )
    progress = progress_for(options.quiet, plain=options.plain)
    try:
        result, failure = ask_endpoint(
            endpoint, prompts, sizes, requests=options.requests, progress=progress, out=out
        )
    finally:
        progress.close()
    emit(result, options.report, options=choose_page_options(options), plain=options.plain)
    track([result], trackers)
    return _choose_code(result, failure)


def _read_key(variable: str | None) -> str:
    """Return the key that a variable holds; "" if none was named. Raises UsageError."""
    if variable is None:
        return ""
    key = os.environ.get(variable, "").strip()
    if not key or not key.isascii() or not key.isprintable():
        said = "holds no key" if not key else "holds what cannot be a key"
        raise UsageError(
            f"the variable {variable} {said}",
            code="endpoint-key",
            hint=f"export {variable}=…; it is named, and not given, on the command line",
        )
    return key


def _choose_code(result: AuditResult, failure: SubjectError | None) -> int:
    """Return the exit code; what ended it early is an error unless a difference was seen before."""
    if failure is None:
        return exit_code([result.verdict])
    if result.verdict is not Verdict.NOT_REPRODUCIBLE:
        raise failure
    say(f"reproaudit: {make_lines_printable(str(failure))}")
    return exit_code([result.verdict])


def _read_url(text: str) -> str:
    """Return the address without a slash at its end. Raises UsageError for what is none."""
    parts = _part_address(text)
    if parts is None:
        raise UsageError(
            f"{text!r} is no address of a server",
            code="endpoint-address",
            hint="such as http://127.0.0.1:8000/v1, which ends before /completions",
        )
    if parts.username or parts.password:
        # It would stand in reports.
        raise UsageError(
            "the address holds a name or a password",
            code="endpoint-address",
            hint="leave it out: nothing but the request itself is sent",
        )
    path = parts.path.rstrip("/")
    for ending in ("/chat/completions", "/completions"):
        path = path.removesuffix(ending)
    return f"{parts.scheme}://{parts.netloc}{path}"


def _part_address(text: str) -> SplitResult | None:
    try:
        parts = urlsplit(text)
        has_port = parts.port is None or parts.port > 0
    except ValueError:
        return None
    is_whole = not parts.query and not parts.fragment and not any(map(str.isspace, text))
    is_address = parts.scheme in ("http", "https") and bool(parts.hostname)
    return parts if is_whole and is_address and has_port else None


def _read_prompts(path: str | None) -> list[str]:
    """Return the prompts of a file; none without one. Raises UsageError."""
    if path is None:
        return []
    try:
        text = _read_text(Path(path))
        lines = [line for line in text.splitlines() if line.strip()]
        prompts = lines
        if path.endswith(".jsonl"):
            prompts = [json.loads(line)["prompt"] for line in lines]
        if not all(isinstance(prompt, str) for prompt in prompts):
            raise TypeError("a prompt that is no text")
    except OSError as error:
        raise _refuse_prompts(path, error.strerror or str(error)) from None
    except (ValueError, KeyError, TypeError) as error:
        raise _refuse_prompts(path, f"{type(error).__name__}: {error}") from None
    if not prompts:
        raise _refuse_prompts(path, "there is no prompt in it")
    return prompts


def _read_text(path: Path) -> str:
    with path.open("rb") as file:
        read = file.read(_MOST_BYTES + 1)
    if len(read) > _MOST_BYTES:
        raise ValueError(f"more than {_MOST_BYTES >> 20} MiB")
    return read.decode("utf-8")


def _refuse_prompts(path: str, why: str) -> UsageError:
    return UsageError(
        f"cannot read prompts from {path}: {why}",
        code="endpoint-prompts",
        hint='a prompt in each line, or {"prompt": "…"} in each line of a .jsonl file',
    )
