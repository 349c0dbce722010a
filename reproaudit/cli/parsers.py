"""The parser of every command, by its name."""

from __future__ import annotations

from collections.abc import Callable

from reproaudit.cli.arguments import Parser, make_audit_parser
from reproaudit.cli.atlas import make_atlas_parser
from reproaudit.cli.check import make_check_parser
from reproaudit.cli.ci import make_ci_parser
from reproaudit.cli.doctor import make_doctor_parser
from reproaudit.cli.kept_runs import make_keeping_parser
from reproaudit.cli.lock import make_lock_parser
from reproaudit.cli.manifest import make_manifest_parser
from reproaudit.cli.reading_arguments import (
    make_compare_parser,
    make_digest_parser,
    make_explain_parser,
    make_report_parser,
)
from reproaudit.cli.resume import make_resume_parser
from reproaudit.cli.seeds import make_seeds_parser
from reproaudit.cli.serve import make_serve_parser
from reproaudit.cli.shells import make_completion_parser
from reproaudit.cli.vary_options import make_vary_parser

Maker = Callable[[], Parser]

# Each takes a subject, and the words behind it, of which its parser knows nothing.
OF_A_SUBJECT: dict[str, Maker] = {
    "audit": make_audit_parser,
    "vary": make_vary_parser,
    "resume": make_resume_parser,
    "seeds": make_seeds_parser,
    "record": make_keeping_parser,
    "manifest": make_manifest_parser,
    "lock": make_lock_parser,
    "check": make_check_parser,
}
OTHERS: dict[str, Maker] = {
    "ci": make_ci_parser,
    "compare": make_compare_parser,
    "digest": make_digest_parser,
    "report": make_report_parser,
    "explain": make_explain_parser,
    "atlas": make_atlas_parser,
    "serve": make_serve_parser,
    "doctor": make_doctor_parser,
    "completion": make_completion_parser,
}
