"""Wrong command lines: each is answered with one error and exit code 2, before anything runs.

python benchmarks/robust_command_lines.py [--out reports/robustness]

Every line goes through the command's own entry, in one process: starting it takes longer than the
answer. Beside each line stands what its error must say.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import re
import shlex
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from survival import REPORTS, Ending, Table, Tried, scrub, tell

from reproaudit.cli.main import main as answer

PROGRAM = "raise SystemExit('must not run')\n"
# A command line, and what its error says.
LINES = """
(nothing)                                      no subject was named
missing.py                                     there is no file 'missing.py'
missing.py::step                               there is no file 'missing.py'
train.py::                                     [
train.py::a::b                                 [
:: train.py                                    [
pkg.module:                                    [
''                                             [
.                                              [
/                                              [
/dev/null                                      no regular file
/dev/zero                                      no regular file
folder                                         [
data.txt                                       [
-                                              unknown option '-'
--                                             no subject was named
-- missing.py                                  there is no file 'missing.py'
recrod train.py                                did you mean 'record'?
explian kernel                                 did you mean 'explain'?
compair a b                                    did you mean 'compare'?
reprot result.json                             did you mean 'report'?
lokc train.py                                  did you mean 'lock'?
chekc                                          did you mean 'check'?
--sede 1 train.py                              did you mean '--seed'?
--run 3 train.py                               did you mean '--runs'
--step 3 train.py                              did you mean '--steps'
--tolerence ulp=1 train.py                     did you mean '--tolerance'?
--no-diagnose train.py                         did you mean '--no-diagnosis'?
-runs 3 train.py                               unknown option '-runs'
--runs                                         expected one argument
--runs train.py                                --runs
--runs 0 train.py                              --runs
--runs 1 train.py                              one run cannot be compared
--runs -3 train.py                             --runs
--runs 2.5 train.py                            --runs
--runs 1e3 train.py                            --runs
--runs none train.py                           --runs
--runs= train.py                               --runs
--runs ٣x train.py                             --runs
--steps 0 train.py                             --steps
--steps -1 train.py                            --steps
--steps every train.py                         --steps
--timeout 0 train.py                           --timeout
--timeout -3 train.py                          --timeout
--timeout nan train.py                         --timeout
--timeout inf train.py                         --timeout
--timeout soon train.py                        --timeout
--values-mb -5 train.py                        '-5' is not a whole number from 0
--values-mb many train.py                      --values-mb
--seed one train.py                            --seed
--seed 1.5 train.py                            --seed
--seed -1 train.py                             [
--seed 99999999999999999999 train.py           [
--seeds 1,two train.py                         --seeds
--seeds , train.py                             --seeds
--seeds 1,2 --seed 3 train.py                  --seeds and --seed both
--hash-seed -1 train.py                        [
--hash-seed 4294967296 train.py                [
--hash-seed random train.py                    --hash-seed
--deterministic=maybe train.py                 --deterministic
--cudnn-benchmark maybe train.py               neither on nor off
--cudnn-deterministic 1.0 train.py             neither on nor off
--tf32 '' train.py                             neither on nor off
--threads 0 train.py                           --threads
--threads -1 train.py                          --threads
--fill-uninitialized on train.py               nothing without --deterministic
--fill-uninitialized maybe train.py            neither on nor off
--cublas-workspace foo train.py                such as :4096:8
--env A train.py                               --env
--env =b train.py                              --env
--env A=b --env train.py                       --env
--device tpu train.py                          --device
--intervene nothing.known train.py             [
--intervene '' train.py                        [
--preset nowhere train.py                      [preset-unknown]
--tolerance close train.py                     [tolerance-syntax]
--tolerance rtol=-1 train.py                   [tolerance-syntax]
--tolerance rtol=nan train.py                  [tolerance-syntax]
--tolerance ulp=1.5 train.py                   [tolerance-syntax]
--tolerance float33:ulp=1 train.py             [tolerance-syntax]
--tolerance '' train.py                        [tolerance-syntax]
--confidence 0 train.py                        --confidence
--confidence 1 train.py                        --confidence
--confidence 95 train.py                       --confidence
--rate 0 train.py                              --rate
--rate 2 train.py                              --rate
--rate 0.1 --runs 5 train.py                   --rate chooses the number of runs
--budget none train.py                         --budget
--budget runs=-1 train.py                      --budget
--budget hours=1 train.py                      --budget
--inputs float32 net.py::Net                   [
--inputs float33[8] net.py::Net                [
--inputs float32[-8] net.py::Net               [
--inputs float32[8,] train.py                  [
--report pdf=x train.py                        formats: terminal, json
--report json train.py                         --report
--report json= train.py                        [
--report =x train.py                           --report
--report json=. train.py                       it is a folder
--report json=folder train.py                  it is a folder
--report json=train.py/x train.py              [report-write]
--report json=/proc/x.json train.py            [report-write]
--report json=/dev/full train.py               [report-write]
--repro train.py train.py                      it is no folder
--out train.py train.py                        [
--out '' train.py                              --out
LONG.py                                        there is no file
LONG                                           there is no file
LONG.py::step                                  there is no file
--out LONG train.py                            [trace-unwritable]
--report json=LONG train.py                    [report-write]
report LONG                                    [
record --out LONG train.py                     [trace-unwritable]
lock --lock LONG missing.py                    [
compare LONG LONG                              [
check --lock LONG                              [
ci --baseline LONG                             [
--repro '' train.py                            --repro
--fresh-copy=yes train.py                      --fresh-copy
--quiet=1 train.py                             --quiet
record                                         no subject was named
record missing.py                              there is no file 'missing.py'
record --level everything train.py             --level
record --out train.py train.py                 it is no folder
record --out folder train.py                   already holds files
record --runs 3 train.py                       unknown option '--runs'
compare                                        required: TRACE
compare one                                    one trace cannot be compared
compare one two                                [trace-missing]
compare folder folder                          [trace-missing]
compare train.py train.py                      [
compare /dev/null /dev/zero                    [
compare one two --tolerance x                  [
report                                         required: RESULT
report missing.json                            [result-missing]
report folder                                  it is a folder
report data.txt                                [
report latin.json                              not UTF-8
report a b                                     unrecognized arguments
explain nothing.known                          nothing to explain
explain a b                                    unrecognized arguments
explain aten::nothing_known                    nothing to explain
lock missing.py                                there is no file 'missing.py'
lock --lock folder train.py                    [
lock --steps 0 train.py                        --steps
check --lock missing.lock                      [
check --lock data.txt                          [
check --nothing                                [
ci                                             [
ci --baseline folder                           [
ci --nothing                                   [
ci train.py                                    [
atlas --only '(('                              [
atlas --only nothing.known                     [
atlas --device tpu                             --device
atlas --cell nothing                           [
atlas --out data.txt                           [
"""
# Nearly right: the program is run, and a warning says what it may have been.
NEARLY = """
record --out one train.py --stpes 3            an option of reproaudit is --steps
record --out two train.py --seeed=1            an option of reproaudit is --seed
record --out three data.py --steps 3           --steps 3 was read as reproaudit's own
"""
WARNING = "reproaudit: warning: "


def list_lines(lines: str) -> list[tuple[str, str]]:
    """Return each command line with what is to be said of it."""
    pairs = []
    for line in lines.replace("LONG", "x" * 300).strip().splitlines():
        words, expected = re.split(r"\s{2,}", line.strip(), maxsplit=1)
        pairs.append(("" if words == "(nothing)" else words, expected))
    return pairs


def make_folder(folder: Path) -> None:
    """Fill the folder that the lines name files of."""
    (folder / "train.py").write_text(PROGRAM)
    (folder / "net.py").write_text("import torch\n\n\nclass Net(torch.nn.Module):\n    pass\n")
    (folder / "data.py").write_text("steps = '--steps'\n" + PROGRAM)
    (folder / "data.txt").write_text("nothing\n")
    (folder / "latin.json").write_bytes(b'{"\xe9": 1}')
    (folder / "folder").mkdir()
    (folder / "folder" / "file").write_text("")


def ask(words: list[str]) -> Ending:
    """Give one command line to the command, in this process."""
    out, err = io.StringIO(), io.StringIO()
    start = time.monotonic()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code: int | None = answer(words)
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else -1
    seconds = time.monotonic() - start
    return Ending(code, out.getvalue().encode(), err.getvalue().encode(), seconds)


def judge(ending: Ending, expected: str) -> list[str]:
    """Return what is wrong with an answer."""
    faults = ending.find_faults()
    if ending.code != 2:
        faults.append(f"exit code {ending.code}")
    if not ending.errors:
        faults.append("no error")
    if ending.out:
        faults.append("something on standard output")
    if expected not in ending.err_text:
        faults.append(f"does not say {expected}")
    if "must not run" in ending.err_text:
        faults.append("the program was run")
    return faults


def judge_nearly(ending: Ending, expected: str) -> list[str]:
    """Return what is wrong with the answer to a line that is nearly right."""
    faults = ending.find_faults()
    if WARNING not in ending.err_text or expected not in ending.err_text:
        faults.append(f"no warning that says {expected}")
    return faults


def try_lines(
    pairs: list[tuple[str, str]], judge: Callable[[Ending, str], list[str]] = judge
) -> list[Tried]:
    """Ask each, in a folder of their own."""
    rows = []
    before = Path.cwd()
    with tempfile.TemporaryDirectory(prefix="robust-") as text:
        make_folder(Path(text))
        os.chdir(text)
        try:
            for line, expected in pairs:
                ending = ask(shlex.split(line))
                said = "; ".join(ending.err_text.strip().splitlines()[:2])
                for start in ("reproaudit: error: ", WARNING):
                    said = said.removeprefix(start)
                faults = judge(ending, expected)
                name = f"`{scrub(line) or ' '}`"
                rows.append(tell(Tried(name, (scrub(said, Path(text)),), tuple(faults))))
        finally:
            os.chdir(before)
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=REPORTS)
    options = parser.parse_args()
    about = (
        "Wrong command lines",
        "Right is exit code 2 and one error, that names what is wrong, with nothing on standard",
        "output and before the program is run.",
    )
    rows = [*try_lines(list_lines(LINES)), *try_lines(list_lines(NEARLY), judge_nearly)]
    columns = ("`reproaudit …`", "error and hint, or warning")
    table = Table("command_lines", about, columns)
    return table.write(rows, options.out)


if __name__ == "__main__":
    sys.exit(main())
