"""What a shell is told of our words, and what it makes of that."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from reproaudit.cli.main import COMMANDS, main
from reproaudit.cli.parsers import OF_A_SUBJECT
from reproaudit.cli.shells import SHELLS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "completion.md"
# What stands for a value that nothing can be completed to. Whoever adds another says in
# reproaudit/cli/completable.py what it may become, or here that it may not.
OPEN = """CELL KEY KEY=VALUE,… LEVEL LIST MB N N,N,… NAME NAME=VALUE OPTION PATTERN RATE S SECONDS
    SPEC STEP URL VALUE WORDS""".split()


def list_scripts() -> dict[str, str]:
    """Return the lines by which the page writes the script of each shell."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    found = {}
    for shell in SHELLS:
        (found[shell],) = [block for block in blocks if f"completion {shell} >" in block]
    return found


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home folder in which all shells were told as the page says, and files to name."""
    folder = tmp_path_factory.mktemp("home")
    bin_folder = folder / "bin"
    bin_folder.mkdir()
    program = bin_folder / "reproaudit"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m reproaudit "$@"\n')
    program.chmod(0o755)
    there = [lines for shell, lines in list_scripts().items() if shutil.which(shell)]
    lines = "set -e\n" + "".join(there)
    subprocess.run(["bash", "-c", lines], env=make_environment(folder), check=True)
    work = folder / "work"
    (work / "traces").mkdir(parents=True)
    (work / "train.py").touch()
    return folder


def make_environment(home: Path) -> dict[str, str]:
    return {"HOME": str(home), "PATH": f"{home / 'bin'}:/usr/bin:/bin", "TERM": "dumb"}


# A line that is typed, what may follow, and what may not.
LINES = [
    ("reproaudit va", ["vary"], ["seeds"]),
    ("reproaudit tra", ["train.py", "traces"], []),
    ("reproaudit train.py --ru", ["--runs"], ["--only"]),
    ("reproaudit --runs 3 tra", ["train.py"], []),
    ("reproaudit --deterministic tra", ["train.py"], []),
    ("reproaudit --tf32 o", ["on", "off"], []),
    ("reproaudit --out tra", ["traces"], ["train.py"]),
    ("reproaudit train.py --report ht", ["html="], ["json="]),
    ("reproaudit vary train.py --fre", ["--fresh-copy"], []),
    ("reproaudit vary train.py --vary thr", ["threads"], ["timezone"]),
    ("reproaudit vary train.py --own tra", ["train.py"], []),
    ("reproaudit explain RA40", ["RA401"], ["RA101"]),
    ("reproaudit ci --on", ["--only"], []),
    ("reproaudit completion ", list(SHELLS), ["vary"]),
]


def complete_in_bash(home: Path, lines: Sequence[str]) -> list[list[str]]:
    script = home / ".local/share/bash-completion/completions/reproaudit"
    asked = [f"source {shlex.quote(str(script))}"]
    for line in lines:
        words = line.split(" ")
        last = shlex.quote(words[-1])
        asked += [
            f"COMP_WORDS=({shlex.join(words)}); COMP_CWORD={len(words) - 1}; COMPREPLY=()",
            "_reproaudit",
            # What bash does where the function finds nothing, as `complete -o default` asks for.
            f"[ ${{#COMPREPLY[@]}} -gt 0 ] || COMPREPLY=($(compgen -f -- {last}))",
            'echo "${COMPREPLY[*]}"',
        ]
    return run_shell(home, ["bash", "-c", "\n".join(asked)])


def complete_in_fish(home: Path, lines: Sequence[str]) -> list[list[str]]:
    asked = [f"string join -- ' ' (complete -C '{line}' | string split -f 1 \\t)" for line in lines]
    return run_shell(home, ["fish", "-c", "\n".join(asked)])


def run_shell(home: Path, words: list[str]) -> list[list[str]]:
    done = subprocess.run(
        words,
        cwd=home / "work",
        env=make_environment(home),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return [
        [word.rstrip("/") for word in printed.split(" ")] for printed in done.stdout.splitlines()
    ]


@pytest.mark.slow
@pytest.mark.parametrize("shell", ["bash", "fish"])
def test_a_shell_completes_what_the_page_had_it_told(home: Path, shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed here: apt-get install {shell}")
    complete = {"bash": complete_in_bash, "fish": complete_in_fish}[shell]
    found = complete(home, [line for line, _, _ in LINES])
    for words, (line, there, not_there) in zip(found, LINES, strict=True):
        assert set(there) <= set(words), line
        assert set(not_there).isdisjoint(words), line


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "becomes"),
    [
        ("reproaudit va", "reproaudit vary "),
        ("reproaudit trai", "reproaudit train.py "),
        ("reproaudit train.py --ru", "reproaudit train.py --runs "),
        ("reproaudit vary train.py --own trai", "reproaudit vary train.py --own train.py "),
        ("reproaudit --out tra", "reproaudit --out traces/"),
        ("reproaudit train.py --report ht", "reproaudit train.py --report html="),
    ],
)
def test_zsh_completes_what_the_page_had_it_told(home: Path, line: str, becomes: str) -> None:
    if shutil.which("zsh") is None:
        pytest.skip("zsh is not installed here: apt-get install zsh")
    pexpect = pytest.importorskip("pexpect", reason="zsh completes on a terminal alone")
    shell = pexpect.spawn(
        "zsh -f -i", cwd=home / "work", env=make_environment(home), encoding="utf-8", timeout=30
    )
    shell.sendline("PS1='> '; fpath=(~/.zfunc $fpath); autoload -Uz compinit; compinit -u -D")
    shell.sendline("echo rea''dy")
    shell.expect_exact("ready\r\n")
    shell.send(f"{line}\t")
    shell.expect_exact(becomes)
    shell.close(force=True)


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_knows_every_command(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert [name for name in COMMANDS if name not in script] == []
    if shell == "zsh":
        # Of these names, which are shtab's, ours are made.
        for name in OF_A_SUBJECT:
            assert f"\n_shtab_reproaudit_{name}_options=(" in script


def list_open() -> Iterator[str]:
    from reproaudit.cli.completable import make_command_parser

    for name in COMMANDS:
        for action in make_command_parser(name)._actions:
            is_known = hasattr(action, "complete") or action.choices or action.nargs == 0
            if not is_known and action.dest not in ("help", "version"):
                yield str(action.metavar)


def test_of_each_value_it_is_known_what_it_may_become() -> None:
    assert set(list_open()) == set(OPEN)


def test_without_its_library_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert main(["completion", "bash"]) == 2
    said = capsys.readouterr().err
    assert "needs shtab, which is not installed [extra-missing]" in said
    assert "pip install 'reproaudit[completion]'" in said


def test_another_shell_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "tcsh"]) == 2
    assert "invalid choice: 'tcsh'" in capsys.readouterr().err
