"""`reproaudit completion SHELL`: the script by which a shell completes our words."""

from __future__ import annotations

from reproaudit.cli.shells import make_completion_parser, write_ending, write_preamble
from reproaudit.errors import UsageError


def completion(words: list[str]) -> int:
    """Print the script of the shell that the words name."""
    shell = make_completion_parser().parse_args(words).shell
    try:
        import shtab
    except ModuleNotFoundError:
        raise UsageError(
            "completion needs shtab, which is not installed",
            code="extra-missing",
            hint="pip install 'reproaudit[completion]'",
        ) from None
    from reproaudit.cli.completable import make_completable_parser
    from reproaudit.cli.parsers import OF_A_SUBJECT, OTHERS

    commands = (*OF_A_SUBJECT, *OTHERS)
    preamble = write_preamble(shell, commands, tuple(OF_A_SUBJECT))
    parser = make_completable_parser(shell)
    print(shtab.complete(parser, shell, preamble=preamble) + write_ending(shell))
    return 0
