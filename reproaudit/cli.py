"""The command line: what was asked, exit codes, and the only place that prints an error."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from reproaudit.errors import ReproauditError, UsageError

if TYPE_CHECKING:
    from reproaudit.model import AuditResult, Tolerance
    from reproaudit.plan import SubjectSpec
    from reproaudit.settings import ProjectConfig, Settings

EXIT_NOT_AUDITED = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return the exit code: 0 reproducible, 1 a divergence, 2 not audited."""
    words = list(sys.argv[1:] if argv is None else argv)
    commands: dict[str, Callable[[list[str]], int]] = {
        "audit": _audit, "record": _record, "compare": _compare, "report": _report, "explain": _explain,
    }  # fmt: skip
    command, rest = (commands[words[0]], words[1:]) if words and words[0] in commands else (_audit, words)
    try:
        with _termination_as_interrupt():
            return command(rest)
    except ReproauditError as error:
        print(f"reproaudit: error: {error}", file=sys.stderr)
        return EXIT_NOT_AUDITED
    except KeyboardInterrupt:
        print("reproaudit: interrupted; the running program was stopped", file=sys.stderr)
        return EXIT_NOT_AUDITED
    except BrokenPipeError:
        # The reader went away (`| head`); Python would complain once more while flushing at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_NOT_AUDITED
    except Exception:
        # Never exit code 1: that is the answer "a divergence was found".
        traceback.print_exc()
        print("reproaudit: error: the above is a fault of reproaudit itself [internal]", file=sys.stderr)
        return EXIT_NOT_AUDITED


@contextmanager
def _termination_as_interrupt() -> Iterator[None]:
    """Treat SIGTERM and SIGHUP like Ctrl-C: the audited program has a session of its own and must be stopped by us."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _audit(words: list[str]) -> int:
    from reproaudit.arguments import audit_parser, split
    from reproaudit.model import exit_code

    parser = audit_parser()
    ours, subject, own = split(parser, words)
    options = parser.parse_args(ours)
    if subject is None:
        raise UsageError("no subject was named", code="usage", hint="reproaudit train.py; see reproaudit --help")
    _check_reports(options.report)
    results = [_audit_once(options, subject, own, seed) for seed in _seeds(options)]
    for number, result in enumerate(results):
        _emit(result, options.report, suffix=f"-{number}" if len(results) > 1 else "")
    return exit_code([result.verdict for result in results])


def _seeds(options: argparse.Namespace) -> list[int | None]:
    if options.seeds is None:
        return [options.seed]
    try:
        return [int(seed) for seed in options.seeds.split(",")]
    except ValueError:
        raise UsageError(f"cannot understand --seeds {options.seeds!r}", code="usage", hint="--seeds 0,1,2") from None


def _audit_once(options: argparse.Namespace, subject: str, own: list[str], seed: int | None) -> AuditResult:
    from reproaudit.audit import AuditOptions, audit
    from reproaudit.lab import Budget
    from reproaudit.plan import parse_subject
    from reproaudit.progress import progress_for

    spec = parse_subject(subject, own, options.inputs)
    project = _project(spec)
    settings = _settings(options, project, seed)
    steps = options.steps if hasattr(options, "steps") else project.steps if project.steps is not None else 10
    budget_runs, budget_s = options.budget
    wanted = AuditOptions(
        subject=spec,
        runs=_runs(options, project),
        steps=None if steps == "all" else steps,
        timeout_s=options.timeout or project.timeout_s,
        tolerances=_tolerances(options, project),
        settings=settings,
        values_mb=options.values_mb,
        capture_alerts=not options.no_alerts,
        diagnose=not options.no_diagnosis,
        budget=Budget(budget_runs or Budget().runs, budget_s),
        level=options.confidence,
        fresh_copy=options.fresh_copy,
        repro=Path(options.repro) if options.repro else None,
        show_output=options.show_output,
    )
    if wanted.runs < 2:
        raise UsageError(
            "one run cannot be compared with anything",
            code="usage",
            hint="--runs 2 or more; for one trace: reproaudit record",
        )
    out = None
    if options.out:
        out = Path(options.out) if seed == options.seed else Path(options.out) / f"seed-{seed}"
    progress = progress_for(options.quiet)
    try:
        return audit(wanted, progress, out)
    finally:
        progress.close()


def _runs(options: argparse.Namespace, project: ProjectConfig) -> int:
    """Return how many runs to make: as many as the wanted bound needs, else as was said."""
    from reproaudit.confidence import runs_needed

    if options.rate is None:
        runs: int = options.runs or project.runs or 5
        return runs
    if options.runs:
        raise UsageError("--rate chooses the number of runs", code="usage", hint="leave out --runs or --rate")
    return runs_needed(options.confidence, options.rate)


def _project(spec: SubjectSpec) -> ProjectConfig:
    from reproaudit.settings import load_project

    return load_project(spec.file.parent if spec.path else spec.cwd)


def _settings(options: argparse.Namespace, project: ProjectConfig, seed: int | None) -> Settings:
    """Settings of the named preset, changed by what the command line gives."""
    from reproaudit.interventions import combined
    from reproaudit.settings import Settings, did_you_mean, merge

    base = Settings()
    if options.preset:
        presets = dict(project.presets)
        if options.preset not in presets:
            raise UsageError(
                f"there is no preset {options.preset!r}" + (f" in {project.path}" if project.path else ""),
                code="preset-unknown",
                hint=did_you_mean(options.preset, presets) or "define it under [tool.reproaudit.presets]",
            )
        base = presets[options.preset]
    given = Settings(
        seed=seed, hash_seed=options.hash_seed, deterministic=options.deterministic,
        cudnn_benchmark=options.cudnn_benchmark, cudnn_deterministic=options.cudnn_deterministic, tf32=options.tf32,
        threads=options.threads, fill_uninitialized=options.fill_uninitialized,
        cublas_workspace=options.cublas_workspace, env=tuple(options.env), device=options.device,
    )  # fmt: skip
    return combined(merge(base, given), (*base.interventions, *options.intervene))


def _tolerances(options: argparse.Namespace, project: ProjectConfig | None) -> dict[str, Tolerance]:
    from reproaudit.compare.elements import parse_tolerance

    if options.tolerance is not None:
        return parse_tolerance(options.tolerance)
    if project is not None and project.tolerance is not None:
        return {"*": project.tolerance}
    return {}


def _record(words: list[str]) -> int:
    from reproaudit.arguments import record_parser, split
    from reproaudit.model import Level
    from reproaudit.plan import RunPlan, parse_subject
    from reproaudit.runner.process import run

    parser = record_parser()
    ours, subject, own = split(parser, words)
    options = parser.parse_args(ours)
    if subject is None:
        raise UsageError("no subject was named", code="usage", hint="reproaudit record train.py")
    spec = parse_subject(subject, own, options.inputs)
    out = Path(options.out)
    if out.exists() and any(out.iterdir()):
        raise UsageError(
            f"{options.out!r} already holds files", code="out-exists", hint="name another folder with --out"
        )
    plan = RunPlan(
        trace_dir=out.absolute(), subject=spec, level=Level(options.level),
        steps=options.steps if hasattr(options, "steps") else 10,
        settings=_settings(options, _project(spec), options.seed), values_mb=options.values_mb,
    )  # fmt: skip
    done = run(plan, log=None, timeout_s=options.timeout)
    print(
        f"reproaudit: {done.outcome.kind.value} {done.outcome.detail}".rstrip() + f"; trace in {options.out}",
        file=sys.stderr,
    )
    return 0 if done.outcome.is_success else EXIT_NOT_AUDITED


def _compare(words: list[str]) -> int:
    from reproaudit.arguments import compare_parser
    from reproaudit.model import exit_code
    from reproaudit.offline import compare_traces

    options = compare_parser().parse_args(words)
    _check_reports(options.report)
    if len(options.traces) < 2:
        raise UsageError("one trace cannot be compared with anything", code="usage", hint="name two or more traces")
    result = compare_traces([Path(trace) for trace in options.traces], _tolerances(options, None))
    _emit(result, options.report)
    return exit_code([result.verdict])


def _report(words: list[str]) -> int:
    from reproaudit.arguments import report_parser
    from reproaudit.model import exit_code
    from reproaudit.report.json_report import from_json

    options = report_parser().parse_args(words)
    _check_reports(options.report)
    try:
        text = Path(options.result).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"cannot read {options.result!r}: {error}", code="result-missing", hint="name a result.json"
        ) from None
    result = from_json(text)
    _emit(result, options.report)
    return exit_code([result.verdict])


def _explain(words: list[str]) -> int:
    from reproaudit.arguments import explain_parser
    from reproaudit.explain.catalogue import describe, index

    code = explain_parser().parse_args(words).code
    print(describe(code) if code else index())
    return 0


def _check_reports(reports: list[tuple[str, str]]) -> None:
    """Refuse an unknown format before the runs, not after."""
    from reproaudit.report import formats

    for name, _ in reports:
        if name not in formats():
            raise UsageError(
                f"there is no report format {name!r}", code="report-format", hint=f"formats: {', '.join(formats())}"
            )


def _emit(result: AuditResult, reports: list[tuple[str, str]], suffix: str = "") -> None:
    """Write the reports that were asked for; the terminal report goes to stdout unless one of them does."""
    from reproaudit.report import render
    from reproaudit.report.terminal import TerminalOptions, TerminalReport

    for name, path in reports:
        text = render(result, name)
        if path == "-":
            sys.stdout.write(text)
        else:
            target = Path(path)
            _write(target.with_stem(target.stem + suffix), text)
    if not any(path == "-" for _, path in reports):
        colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        sys.stdout.write(TerminalReport(TerminalOptions(colour=colour)).render(result))
    sys.stdout.flush()


def _write(path: Path, text: str) -> None:
    """Write through a temporary name, so that a failure leaves no half report."""
    temporary = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise UsageError(
            f"cannot write the report {str(path)!r}: {error.strerror}", code="report-write", hint="name another path"
        ) from None
