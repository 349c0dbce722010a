from reproaudit.record.process.errors import describe_error


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError


def test_an_error_is_told_by_kind_and_message() -> None:
    assert describe_error(ValueError("no")) == "ValueError: no"
    assert describe_error(Mute()) == "Mute without a message that can be read"
