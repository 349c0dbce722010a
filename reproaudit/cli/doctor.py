"""`reproaudit doctor`: whether this machine can audit."""

from __future__ import annotations

from reproaudit.cli.arguments import Parser
from reproaudit.cli.interrupts import hold_interrupts
from reproaudit.cli.option_values import parse_seconds

_LIMIT_S = 60.0


def make_doctor_parser() -> Parser:
    """Return the parser of `reproaudit doctor`."""
    parser = Parser(
        prog="reproaudit doctor",
        description="Say whether this machine can audit: what is there, what is missing, and what "
        "to do. Nothing is changed, and no network is asked.",
        epilog="exit codes: 0 it can audit; 1 it can, and something is to be looked at; 2 it "
        "cannot",
    )
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.add_argument(
        "--timeout",
        type=parse_seconds,
        default=_LIMIT_S,
        metavar="SECONDS",
        help=f"for the import of torch, in a process of its own (default {_LIMIT_S:g})",
    )
    return parser


def doctor(words: list[str]) -> int:
    """Look at the machine; return 0 if it can audit, 1 with doubts, 2 if it cannot."""
    options = make_doctor_parser().parse_args(words)
    with hold_interrupts():
        from reproaudit.doctor.check import decide_exit_code
        from reproaudit.doctor.examine import examine
        from reproaudit.doctor.report import word_answer, write_check, write_json

    checks = []
    for check in examine(options.timeout):
        checks.append(check)
        if not options.json:
            print(write_check(check), flush=True)
    if options.json:
        print(write_json(checks), end="")
    else:
        print(f"\n{word_answer(checks)}")
    return decide_exit_code(checks)
