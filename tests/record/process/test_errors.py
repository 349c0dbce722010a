from reproaudit.record.process.errors import describe_error


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError


def test_an_error_is_told_by_kind_and_message() -> None:
    assert describe_error(ValueError("no")) == "ValueError: no"
    assert describe_error(KeyboardInterrupt()) == "KeyboardInterrupt"
    assert describe_error(Mute()) == "Mute without a message that can be read"


def test_of_an_error_that_quotes_a_traceback_the_last_line_is_told() -> None:
    quoted = "Traceback (most recent call last):\n  File 'a.py', line 1\nValueError: no\n"
    told = describe_error(RuntimeError(f"-- Process 1 failed:\n{quoted}"))
    assert told == "RuntimeError: -- Process 1 failed: ValueError: no"
