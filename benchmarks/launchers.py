"""What an audit says of each launcher and framework, on a clean program and on a planted one.

python benchmarks/launchers.py [--only=NAME ...] [--python PATH] [--out reports/launchers]

Every program of `launchers/` is audited as a person would start it, in a folder of its own. The
line that was planted is marked in its text. Frameworks that --python, or this interpreter, does not
have are rows "not installed". Exit code 1 if a row is not as it should be.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from survival import ROOT, Ending, adopt_orphans, run, scrub

HERE = Path(__file__).parent / "launchers"
REPORTS = ROOT / "reports" / "launchers"
KINDS = ("clean", "planted")
PLANTED = "--planted"
MARK = "# planted"
TIMEOUT_S = 900.0
CLEAN_RUNS = "3"
VERDICTS = {0: "reproducible", 1: "not-reproducible"}
# What is planted in each program: the cause to be named.
KERNEL = "kernel"
RANDOM = "unseeded-rng"


@dataclass(frozen=True)
class Case:
    """One way to start one program.

    `words` is the command, for a PATH on which the interpreter's folder stands first. `needs` are
    distributions.
    """

    name: str
    program: str
    words: tuple[str, ...]
    cause: str
    needs: tuple[str, ...] = ()
    planted: str = PLANTED
    files: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """What an audit said, and what of that is wrong."""

    name: str
    kind: str
    verdict: str = ""
    op: str = ""
    line: str = ""
    cause: str = ""
    fix: str = ""
    steps: str = ""
    left: str = ""
    seconds: int = 0
    warnings: tuple[str, ...] = ()
    not_checked: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    not_tried: str = ""


def list_cases() -> Iterator[Case]:
    """Yield the rows of the table: frameworks, training of other kinds, starts, launchers."""
    yield from _list_frameworks()
    yield from _list_trainings()
    yield from _list_starts()
    yield from _list_launchers()


def _script(name: str, program: str, cause: str, *needs: str, words: Sequence[str] = ()) -> Case:
    return Case(name, program, (program, *words), cause, needs)


def _list_frameworks() -> Iterator[Case]:
    yield _script("Lightning Trainer", "lightning_trainer.py", KERNEL, "lightning")
    yield _script("Lightning Fabric", "lightning_fabric.py", RANDOM, "lightning")
    yield _script("Lightning ddp", "lightning_ranks.py", KERNEL, "lightning")
    yield _script(
        "Lightning ddp_spawn", "lightning_ranks.py", KERNEL, "lightning", words=["--spawn"]
    )
    yield _script("Hugging Face Trainer", "hf_trainer.py", KERNEL, "transformers", "accelerate")
    yield _script("accelerate", "accelerate_script.py", RANDOM, "accelerate")
    yield _script("TRL SFTTrainer", "trl_sft.py", RANDOM, "trl")
    yield _script("PyG with workers", "pyg_workers.py", RANDOM, "torch_geometric")
    yield _script("skorch", "skorch_net.py", KERNEL, "skorch")
    yield _script("ignite", "ignite_engine.py", RANDOM, "pytorch-ignite")
    yield _script("torch.distributed.rpc", "rpc_ranks.py", RANDOM)
    yield _script("Opacus", "opacus_private.py", RANDOM, "opacus")
    yield _script("DeepSpeed on CPU", "deepspeed_cpu.py", RANDOM, "deepspeed")


def _list_trainings() -> Iterator[Case]:
    yield _script("without torch.optim", "hand_written.py", RANDOM)
    yield _script("L-BFGS closures", "lbfgs_closure.py", KERNEL)
    yield _script("optimizers in a set's order", "several_optimizers.py", RANDOM)
    yield _script("a set of parameters", "set_of_parameters.py", RANDOM)
    yield _script("GAN", "gan.py", RANDOM)


def _list_starts() -> Iterator[Case]:
    hydra = ("hydra_app.py",)
    yield Case("hydra", *hydra, hydra, RANDOM, ("hydra-core",), "planted=true")
    several = ("hydra_app.py", "--multirun", "lr=0.1,0.2")
    yield Case("hydra multirun", *hydra, several, RANDOM, ("hydra-core",), "planted=true")
    yield _script("mp.spawn, two ranks", "spawned_ranks.py", KERNEL)
    for method in ("fork", "spawn", "forkserver"):
        yield _script(f"multiprocessing {method}", "start_methods.py", RANDOM, words=[method])
    yield _script("subprocess.run", "subprocesses.py", RANDOM)


def _list_launchers() -> Iterator[Case]:
    torchrun = ("torchrun", "--standalone", "--nproc-per-node", "2")
    ranks = "ranks.py"
    yield Case("torchrun", ranks, ("--", *torchrun, ranks), KERNEL)
    yield Case("torchrun without dashes", ranks, (*torchrun, ranks), KERNEL)
    launch = ("--", "accelerate", "launch", "--cpu", "--num_processes", "2")
    script = "accelerate_script.py"
    yield Case("accelerate launch", script, (*launch, script), RANDOM, ("accelerate",))
    deepspeed = ("--", "deepspeed", "--num_gpus", "2", "deepspeed_cpu.py")
    yield Case("deepspeed", "deepspeed_cpu.py", deepspeed, RANDOM, ("deepspeed",))
    plain = "hand_written.py"
    yield Case("python train.py", plain, ("--", "python", plain), RANDOM)
    yield Case("python -m", plain, ("--", "python", "-m", "hand_written"), RANDOM)
    yield Case("-m", plain, ("-m", "hand_written"), RANDOM)
    shell = {"run.sh": 'python hand_written.py "$@"\n'}
    yield Case("bash run.sh", plain, ("--", "bash", "run.sh"), RANDOM, files=shell)
    rules = {"Makefile": "train:\n\tpython hand_written.py $(WITH)\n"}
    make = ("--", "make", "train")
    yield Case("make train", plain, make, RANDOM, (), f"WITH={PLANTED}", rules)
    uv = ("--", "uv", "run", "--no-project", plain)
    yield Case("uv run", plain, uv, RANDOM, ("uv",))


def find_planted_line(case: Case) -> str:
    """Return where the planted line stands: `program.py:12`."""
    lines = (HERE / case.program).read_text(encoding="utf-8").splitlines()
    (number,) = [number for number, line in enumerate(lines, 1) if line.endswith(MARK)]
    return f"{case.program}:{number}"


def list_distributions(python: str) -> dict[str, str]:
    """Return the versions of what an interpreter has installed."""
    code = (
        "import importlib.metadata, json; print(json.dumps({d.name.lower().replace('_', '-'): "
        "d.version for d in importlib.metadata.distributions() if d.name}))"
    )
    text = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout
    found: dict[str, str] = json.loads(text)
    return found


def find_lacking(case: Case, installed: dict[str, str]) -> list[str]:
    return [name for name in case.needs if name.lower().replace("_", "-") not in installed]


def audit(case: Case, kind: str, python: str, screens: Path | None) -> Row:
    """Audit a program in a folder of its own; judge what is said of it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(HERE / case.program, folder)
        for file, text in case.files.items():
            (folder / file).write_text(text, encoding="utf-8")
        report = folder / "result.json"
        words = [*case.words, *([case.planted] if kind == "planted" else [])]
        # A program that differs is found in five runs, and then diagnosed; of equal ones three do.
        runs = "5" if kind == "planted" else CLEAN_RUNS
        options = ["--quiet", "--runs", runs, "--report", f"json={report}"]
        command = [python, "-m", "reproaudit", *options, *words]
        path = os.pathsep.join([str(Path(python).parent), os.environ["PATH"]])
        environment = {"PATH": path, "VIRTUAL_ENV": str(Path(python).parent.parent)}
        ending = run(command, folder, environment=environment, timeout_s=TIMEOUT_S)
        if screens is not None:
            screens.mkdir(parents=True, exist_ok=True)
            (screens / f"{case.name}, {kind}.txt").write_bytes(ending.out + ending.err)
        if not report.exists():
            said = (ending.errors or [ending.err_text[-300:]])[0]
            return _row(case, kind, ending, {}, [f"no result: {scrub(said, folder)}"])
        result = json.loads(report.read_text(encoding="utf-8"))
    faults = ending.find_faults()
    if kind == "planted":
        faults += judge_planted(case, ending, result)
    else:
        faults += judge_clean(ending, result)
    return _row(case, kind, ending, result, faults)


def judge_clean(ending: Ending, result: dict[str, Any]) -> list[str]:
    faults = []
    if (ending.code, result["verdict"]) != (0, "reproducible"):
        faults.append("a false alarm")
    return faults


def judge_planted(case: Case, ending: Ending, result: dict[str, Any]) -> list[str]:
    """Return what is wrong with what is said of a planted program."""
    if (ending.code, result["verdict"]) != (1, "not-reproducible"):
        return ["what was planted was not found"]
    if not result["findings"]:
        return ["nothing was located"]
    finding = result["findings"][0]
    faults = []
    if name_line(finding) != find_planted_line(case):
        faults.append(f"the line is {find_planted_line(case)}")
    if finding["cause"] != case.cause:
        faults.append(f"the cause is {case.cause}")
    if not (finding["fix"] or {}).get("verified"):
        faults.append("no fix was proven")
    return faults


def name_line(finding: dict[str, Any]) -> str:
    place = finding["location"]
    if place is None:
        return ""
    return f"{Path(place['path']).name}:{place['line']}"


def _row(
    case: Case, kind: str, ending: Ending, result: dict[str, Any], faults: Sequence[str]
) -> Row:
    finding = next(iter(result.get("findings", ())), None)
    row = Row(
        case.name,
        kind,
        result.get("verdict", f"exit code {ending.code}"),
        steps=str(result.get("steps", "")),
        left=str(len(ending.left)),
        seconds=round(ending.seconds),
        warnings=tuple(scrub(one["message"]) for one in result.get("warnings", ())),
        not_checked=tuple(
            scrub(f"{one['what']}: {one['why']}") for one in result.get("not_checked", ())
        ),
        faults=tuple(faults),
    )
    if finding is None:
        return row
    fix = finding["fix"] or {}
    proven = "proven" if fix.get("verified") else "not proven"
    told = {
        "op": finding["op"] or finding["call"],
        "line": name_line(finding),
        "cause": finding["cause"],
        "fix": f"{' + '.join(fix['settings'])}: {proven}" if fix.get("settings") else "none",
    }
    return Row(**{**asdict(row), **told})


def write(rows: Sequence[Row], out: Path, versions: dict[str, str]) -> None:
    """Write the table, and the same as JSON."""
    out.mkdir(parents=True, exist_ok=True)
    document = [asdict(row) for row in rows]
    text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    (out / "table.json").write_text(text, encoding="utf-8")
    (out / "table.md").write_text("\n".join(make_lines(rows, versions)) + "\n", encoding="utf-8")


def make_lines(rows: Sequence[Row], versions: dict[str, str]) -> Iterator[str]:
    """Yield the lines of the table."""
    tried = [row for row in rows if not row.not_tried]
    right = [row for row in tried if not row.faults]
    names = {"torch", "reproaudit"}.union(*(case.needs for case in list_cases()))
    told = [f"{name} {versions[name]}" for name in sorted(names) if name in versions]
    yield "# Launchers and frameworks"
    yield ""
    yield (
        "Made by `python benchmarks/launchers.py`: "
        f"{datetime.date.today():%Y-%m-%d}, Python {platform.python_version()}, "
        f"{platform.system()}, {os.cpu_count()} cores; {', '.join(told)}."
    )
    yield (
        "Each program of `benchmarks/launchers/` is audited as it is, and with one line that makes "
        "it differ. Right is the verdict of both, and of the planted one the user's own line, the "
        "cause, and a fix that was proven. Processes left behind (`left`) are counted by a parent "
        "that adopts orphans; `s` are the seconds of the whole audit, of three runs for a clean "
        "program and five for a planted one."
    )
    yield ""
    yield f"{len(tried)} audited, {len(right)} right."
    yield ""
    columns = "started,program,verdict,op or call,line,cause,fix,steps,left,s,right".split(",")
    yield f"| {' | '.join(columns)} |"
    yield f"|{'---|' * len(columns)}"
    for row in rows:
        answer = "no: " + "; ".join(row.faults) if row.faults else "yes"
        if row.not_tried:
            answer = f"not tried: {row.not_tried}"
        cells = (row.name, row.kind, row.verdict, row.op, row.line, row.cause, row.fix, row.steps)
        yield f"| {' | '.join(cells)} | {row.left} | {row.seconds or ''} | {answer} |"
    yield ""
    yield "What was warned of, and what was said not to be checked:"
    yield ""
    for row in rows:
        for text in row.warnings:
            yield f"- {row.name}, {row.kind}, warning: {text}"
        for text in row.not_checked:
            yield f"- {row.name}, {row.kind}, not checked: {text}"


def read_rows(out: Path) -> dict[tuple[str, str], Row]:
    """Return the rows that were made before."""
    path = out / "table.json"
    if not path.exists():
        return {}
    rows = {}
    for plain in json.loads(path.read_text(encoding="utf-8")):
        values = {key: tuple(one) if isinstance(one, list) else one for key, one in plain.items()}
        rows[values["name"], values["kind"]] = Row(**values)
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", action="append", default=[], metavar="NAME")
    parser.add_argument("--kind", choices=KINDS, help="these programs alone")
    parser.add_argument("--python", default=sys.executable, help="the interpreter to audit with")
    parser.add_argument("--screens", type=Path, help="a folder for all that is printed")
    parser.add_argument("--out", type=Path, default=REPORTS)
    options = parser.parse_args()
    adopt_orphans()
    installed = list_distributions(options.python)
    cases = [case for case in list_cases() if not options.only or case.name in options.only]
    rows = {}
    for case in cases:
        for kind in KINDS:
            if kind != (options.kind or kind):
                continue
            lacking = find_lacking(case, installed)
            if lacking:
                row = Row(case.name, kind, not_tried=f"not installed: {', '.join(lacking)}")
            else:
                row = audit(case, kind, options.python, options.screens)
            print(row, file=sys.stderr, flush=True)
            rows[case.name, kind] = row
    # Not before: another may have written rows meanwhile.
    rows = read_rows(options.out) | rows
    kept = []
    for case in list_cases():
        for kind in KINDS:
            not_run = Row(case.name, kind, not_tried="not run")
            kept.append(rows.get((case.name, kind), not_run))
    write(kept, options.out, installed)
    return int(any(row.faults for row in kept))


if __name__ == "__main__":
    sys.exit(main())
