"""Which operators change their bits under which variation, on the machine where it is run.

    python benchmarks/variation_ops.py --out reports/variations/README.md

One program calls an operator of each family on inputs that no variation touches. It is run twice as
it is, and once under each value.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

from reproaudit.config.plan import RunPlan, to_json
from reproaudit.config.settings import Settings, make_environment, merge
from reproaudit.config.subject import SubjectKind, SubjectSpec
from reproaudit.knowledge.wanted import read_wanted
from reproaudit.model.events import Level
from reproaudit.startup import RECORDER

PROGRAM = Path(__file__).with_name("varied") / "every_kernel.py"
# What is made around a run, or only where there are ranks or a GPU.
LEFT_OUT = (
    "load",
    "workers.prefetch",
    "workers.persistent",
    "tf32",
    "device",
    "bucket_size",
    "compile",
    "locales",
)
PARTS = ("cpu.aten=avx2", "cpu.onednn=AVX2", "cpu.mkl=COMPATIBLE", "cpu.openblas=Haswell")
# A set of words is in another order in each run, unless the hashes of words are fixed.
AS_IT_IS = Settings(hash_seed=5)
CHANGED, EQUAL = "**x**", ""

Digests = dict[str, str]


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    wanted = [one for one in read_wanted(["+all", *PARTS]) if one.name not in LEFT_OUT]
    plain, again = run(AS_IT_IS), run(AS_IT_IS)
    rows: dict[str, Digests] = {}
    for one in wanted:
        print(one.setting, file=sys.stderr, flush=True)
        rows[one.setting] = run(merge(AS_IT_IS, one.settings))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(describe(plain, again, rows), encoding="utf-8")


def run(settings: Settings) -> Digests:
    """Run the program under the recorder; return a digest of each result, by its name."""
    with tempfile.TemporaryDirectory() as folder:
        subject = SubjectSpec(SubjectKind.SCRIPT, PROGRAM.parent, path=PROGRAM.name)
        plan = RunPlan(Path(folder) / "trace", subject, Level.BOUNDARY, settings=settings)
        written = Path(folder) / "plan.json"
        written.write_text(to_json(plan), encoding="utf-8")
        done = subprocess.run(
            [sys.executable, RECORDER, str(written)],
            cwd=PROGRAM.parent,
            env={**os.environ, **make_environment(settings)},
            stdout=subprocess.PIPE,
            check=True,
        )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def describe(plain: Digests, again: Digests, rows: dict[str, Digests]) -> str:
    """Return the page."""
    unstable = [name for name in plain if plain[name] != again[name]]
    ops = [name for name in plain if name not in unstable]
    moving = {text: [op for op in ops if row[op] != plain[op]] for text, row in rows.items()}
    columns = [text for text, changed in moving.items() if changed]
    lines = [
        "# What changes bits",
        "",
        "Made by `python benchmarks/variation_ops.py --out reports/variations/README.md`, on "
        f"{torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}, torch "
        f"{torch.__version__}. Each operator reads the same bytes in every run; an **x** says that "
        "it returned others under the variation than in the program as it is.",
        "",
        "| operator | " + " | ".join(columns) + " |",
        "|---" * (len(columns) + 1) + "|",
    ]
    for op in ops:
        marks = [CHANGED if op in moving[text] else EQUAL for text in columns]
        lines.append(f"| {op} | " + " | ".join(marks) + " |")
    silent = [text for text in rows if text not in columns]
    lines += ["", f"Nothing changes under: {', '.join(silent)}.", ""]
    if unstable:
        lines += [
            f"Other in each run as it is, and so not in the table: {', '.join(unstable)}.",
            "",
        ]
    lines += [
        "What may depend on a variation, and what is a bug: `reproaudit explain threads`, and so "
        "for each of them. Another machine has another table.",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
