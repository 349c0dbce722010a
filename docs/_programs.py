"""Audits the programs of *Why runs differ*, and keeps what the terminal shows beside each.

`make why` runs all of them, `make why ONLY=RA401` one. A program is run in an empty folder, so that
its report names no path of the machine that it was made on.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

PROGRAMS = Path(__file__).parent / "why" / "programs"
_AUDIT = "reproaudit {}"
_FAST = "reproaudit --fast {}"
_RANKS = "reproaudit --runs 2 -- torchrun --nproc-per-node 2 {}"
_BATCHES = "reproaudit vary {}::answer --inputs float32[16,8] --vary batch=1,4"
_RESUME = "reproaudit resume {} --at 4"
_SEEDS = "reproaudit seeds {} --seed-arg --seed"

# How the program of a rule is run; the file's name stands in the place of the braces.
COMMANDS = {
    "RA101": _AUDIT,
    "RA102": _AUDIT,
    "RA103": _AUDIT,
    "RA201": _AUDIT,
    "RA202": _AUDIT,
    "RA203": "reproaudit vary {} --vary fileordering",
    "RA301": _AUDIT,
    "RA302": _AUDIT,
    "RA303": _AUDIT,
    "RA401": _AUDIT,
    "RA402": _AUDIT,
    "RA403": _AUDIT,
    "RA404": _AUDIT,
    "RA405": "reproaudit vary {} --vary cpu",
    "RA406": "reproaudit --fast -- torchrun --nproc-per-node 3 {}",
    "RA501": _FAST,
    "RA502": _FAST,
    "RA503": _FAST,
    "RA504": _AUDIT,
    "RA505": _AUDIT,
    "RA507": _RANKS,
    "RA508": _RANKS,
    "RA509": _RANKS,
    "RA510": _RANKS,
    "RA511": "reproaudit --fast -- torchrun --nproc-per-node 2 {}",
    "RA601": "reproaudit vary {} --vary mkldnn",
    "RA602": "reproaudit vary {} --vary home",
    "RA603": "reproaudit vary {} --vary workers=2",
    "RA604": "reproaudit vary {0}::train --inputs {0}::make_batch --vary batch_split=2",
    "RA605": "reproaudit vary {}::answer --inputs float32[64,512] --vary batch=1,8,64",
    "RA606": _BATCHES,
    "RA608": _BATCHES,
    "RA609": _BATCHES,
    "RA610": _RESUME,
    "RA611": _RESUME,
    "RA612": _RESUME,
    "RA620": _SEEDS,
    "RA621": _SEEDS,
    "RA623": _SEEDS,
    "RA624": _SEEDS,
    "RA625": _SEEDS,
    "RA627": _SEEDS,
    "RA628": _SEEDS,
}
_NO_GPU = "It needs a CUDA GPU, and was not run on the machine on which these reports were made"
# Programs whose report is not kept, and why.
NOT_RUN = {"RA504": _NO_GPU, "RA505": _NO_GPU}
# Rules that one of the examples shows, and the folder of reports/samples with its report.
SAMPLES = {
    "RA506": ("examples/ddp/train.py", "ddp_drift"),
    "RA600": ("examples/vary/train.py", "vary"),
    "RA607": ("examples/batch/answer.py", "batch"),
    "RA613": ("examples/resume/train.py", "resume"),
    "RA622": ("examples/seeds/train.py", "seeds"),
}
# Rules of which no program is kept, and why.
WITHOUT_PROGRAM = {
    "RA626": "It takes a library that seeds with a constant of its own",
    "RA999": (
        "It is what is said where nothing else can be: a program whose cause is established would "
        "be a program of that cause"
    ),
}


def name_program(rule: str, *, mended: bool = False) -> str:
    """Return the name of the file with the program that shows a rule, or with its repair."""
    return f"{rule.lower()}_mended.py" if mended else f"{rule.lower()}.py"


def word_command(rule: str, *, mended: bool = False) -> str:
    """Return the command that audits a program, as it is typed in the program's folder.

    Of a mended program a first look is taken: there is nothing to explain.
    """
    command = COMMANDS[rule]
    if mended and command == _AUDIT:
        command = _FAST
    return command.format(name_program(rule, mended=mended))


def find_report(rule: str, *, mended: bool = False) -> Path:
    """Return where the report about a program is kept."""
    return PROGRAMS / Path(name_program(rule, mended=mended)).with_suffix(".txt")


def list_programs() -> list[tuple[str, bool]]:
    """Return the rule of each program that can be run, once more with True if it is mended too."""
    found = []
    for rule in COMMANDS:
        if rule not in NOT_RUN:
            found.append((rule, False))
            if (PROGRAMS / name_program(rule, mended=True)).exists():
                found.append((rule, True))
    return found


def run_program(rule: str, *, mended: bool = False) -> str:
    """Audit a program in an empty folder; return the command and what the terminal shows.

    Raises RuntimeError if the audit could not be done.
    """
    command = word_command(rule, mended=mended)
    # What the venv of this interpreter has comes first: reproaudit, torchrun, python.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(PROGRAMS / name_program(rule, mended=mended), folder)
        done = subprocess.run(
            shlex.split(command),
            cwd=folder,
            env={**os.environ, "PATH": path, "NO_COLOR": "1", "COLUMNS": "100"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode not in (0, 1) or folder in done.stdout:
            shown = f"{done.stdout}{done.stderr}"
            raise RuntimeError(f"{command}: exit code {done.returncode}\n{shown}")
    return f"$ {command}\n{done.stdout}"


def main(arguments: Sequence[str]) -> int:
    """Keep the reports of the rules that are named, or of all; return 1 if one says otherwise."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("rules", nargs="*", metavar="RULE")
    wanted = parser.parse_args(arguments).rules
    unexpected = 0
    for rule, mended in list_programs():
        if wanted and rule not in wanted:
            continue
        try:
            report = run_program(rule, mended=mended)
        except RuntimeError as problem:
            print(problem, file=sys.stderr)
            unexpected = 1
            continue
        find_report(rule, mended=mended).write_text(report, encoding="utf-8")
        answer = report.splitlines()[1]
        print(f"{name_program(rule, mended=mended)}: {answer}", flush=True)
        if (rule in report) is mended:
            print(f"  {rule} is {'still' if mended else 'not'} in it", flush=True)
            unexpected = 1
    return unexpected


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
