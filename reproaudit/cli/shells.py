"""The shells that complete our words, and what each is told beside what shtab writes for it."""

from __future__ import annotations

from collections.abc import Sequence

from reproaudit.cli.arguments import Parser

PROGRAM = "reproaudit"
SHELLS = ("bash", "zsh", "fish")
_EPILOG = """\
for this shell alone:  bash: eval "$(reproaudit completion bash)"
zsh: eval "$(reproaudit completion zsh)"  fish: reproaudit completion fish | source
It needs shtab: pip install 'reproaudit[completion]'"""

# The first word may be a subject as well as a command. A space behind `html=` would part it from
# its path.
_BASH = """
_reproaudit() {
  _shtab_reproaudit
  local word="${COMP_WORDS[COMP_CWORD]}"
  if [[ $COMP_CWORD -eq 1 && "$word" != -* ]]; then
    compopt -o filenames 2> /dev/null
    while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$word")
  fi
  if [[ ${#COMPREPLY[@]} -eq 1 && "${COMPREPLY[0]}" == *= ]]; then
    compopt -o nospace 2> /dev/null
  fi
}
complete -o bashdefault -o default -F _reproaudit reproaudit
"""
_ZSH = """
functions[_reproaudit_commands]=$functions[_shtab_reproaudit_commands]
_shtab_reproaudit_commands() {
  _alternative 'commands:command:_reproaudit_commands' 'subjects:subject:_files'
}

functions[_reproaudit_words]=$functions[_shtab_reproaudit]
_shtab_reproaudit() {
  # A line whose first word is no command is one of `audit`.
  if [[ $CURRENT -gt 2 || $words[2] == -* ]] && [[ $words[2] != (%(commands)s) ]]; then
    words=("$words[1]" audit "${(@)words[2,-1]}")
    (( CURRENT += 1 ))
  fi
  _reproaudit_words "$@"
}
%(rest)s
"""
_FISH = """
# Where no command was named, files are subjects, and what stands behind one.
complete -c reproaudit -n _shtab_reproaudit_using -F
"""


def make_completion_parser() -> Parser:
    """Return the parser of `reproaudit completion`."""
    parser = Parser(
        prog="reproaudit completion",
        description="Print the script by which a shell completes commands, options and what they "
        "take. docs/reference/completion.md says where to put it, so that later shells read it.",
        epilog=_EPILOG,
    )
    parser.add_argument("shell", metavar="SHELL", choices=SHELLS, help="bash, zsh or fish")
    return parser


def write_preamble(shell: str, commands: Sequence[str], of_a_subject: Sequence[str]) -> str:
    """Return what is to stand in the script before the shell is told of its function."""
    if shell != "zsh":
        return ""
    # Words behind the subject are the program's, and may name files.
    rest = [f"_shtab_reproaudit_{name}_options+=('*:file:_files')" for name in of_a_subject]
    return _ZSH % {"commands": "|".join(commands), "rest": "\n".join(rest)}


def write_ending(shell: str) -> str:
    """Return what is to stand at the end of the script."""
    return {"bash": _BASH, "fish": _FISH}.get(shell, "")
