"""One parser of all commands, which knows of each value what a shell may complete it to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import shtab

from reproaudit.cli.arguments import Parser
from reproaudit.cli.help_text import COMMAND_LINES
from reproaudit.cli.parsers import OF_A_SUBJECT, OTHERS
from reproaudit.cli.shells import PROGRAM
from reproaudit.knowledge.interventions import INTERVENTIONS
from reproaudit.knowledge.variations import VARIATIONS
from reproaudit.knowledge.wanted import ALL
from reproaudit.report import formats
from reproaudit.report.explanation import list_codes
from reproaudit.track.registry import NONE, TRACKERS

# What stands for a value in help says what it is.
_PATHS = {
    "DIR": shtab.DIRECTORY,
    "FOLDER": shtab.DIRECTORY,
    "TRACE": shtab.DIRECTORY,
    "FILE": shtab.FILE,
    "PATH": shtab.FILE,
    "RESULT": shtab.FILE,
    "RUN": shtab.FILE,
}
_WORDS: dict[str, Callable[[], Sequence[str]]] = {
    "on|off": lambda: ("on", "off"),
    "N|all": lambda: ("all",),
    "CODE": list_codes,
    "ID": lambda: tuple(INTERVENTIONS),
    "TRACKER[=PLACE]": lambda: (*TRACKERS, NONE),
}
_BASH_REPORTS = """
_reproaudit_reports() {
  compgen -W "%(words)s" -- "$1"
}
"""
_ZSH_REPORTS = """
_reproaudit_reports() {
  if compset -P '*='; then _files; else compadd -S '' -- %(words)s; fi
}
"""
_FISH_REPORTS = """
function _reproaudit_reports
  set -l parts (string split -m 1 = -- (commandline -ct))
  if set -q parts[2]
    for path in (__fish_complete_path $parts[2])
      echo "$parts[1]=$path"
    end
  else
    string join \\n %(words)s
  end
end
"""


def make_completable_parser(shell: str) -> Parser:
    """Return a parser of all commands, of which `audit` may be left out, for `shtab.complete`."""
    root = Parser(
        prog=PROGRAM, parents=[make_command_parser("audit")], add_help=False, allow_abbrev=False
    )
    commands = root.add_subparsers(metavar="COMMAND")
    for name, line in COMMAND_LINES.items():
        parser = commands.add_parser(
            name, parents=[make_command_parser(name)], add_help=False, help=line, description=line
        )
        if name in OF_A_SUBJECT:
            # Words behind it may be files too; of zsh's forms shtab knows none that says so.
            nargs = None if shell == "zsh" else "*"
            subject: Any = parser.add_argument("subject", nargs=nargs, help="what is to be run")
            subject.complete = shtab.FILE
    return root


def make_command_parser(name: str) -> Parser:
    """Return the parser of a command, with what each value may be completed to."""
    parser = {**OF_A_SUBJECT, **OTHERS}[name]()
    for action in parser._actions:  # argparse offers no public way to ask
        _add_completion(action)
    return parser


def _add_completion(action: Any) -> None:
    if action.nargs == "?" and action.option_strings:
        action.nargs = 0  # its value stands behind "=", and never in the next word
    elif action.choices or action.nargs == 0:
        pass
    elif action.metavar in _PATHS:
        action.complete = _PATHS[action.metavar]
    elif action.metavar in _WORDS:
        action.choices = _WORDS[action.metavar]()
    elif action.dest == "vary":
        action.choices = (*VARIATIONS, ALL)
    elif action.dest == "report":
        action.complete = _make_reports()


def _make_reports() -> dict[str, Any]:
    """Return how FORMAT=PATH is completed: first to a format, then to a path."""
    words = {"words": " ".join(f"{name}=" for name in formats())}
    return {
        "bash": "_reproaudit_reports",
        "zsh": "_reproaudit_reports",
        "fish": "(_reproaudit_reports)",
        "preamble": {
            "bash": _BASH_REPORTS % words,
            "zsh": _ZSH_REPORTS % words,
            "fish": _FISH_REPORTS % words,
        },
    }
