"""Which locales a program finds on this machine."""

from __future__ import annotations

import locale

import pytest

from reproaudit.runs.locales import is_installed


@pytest.mark.parametrize("name", ["C", "POSIX"])
def test_every_machine_has_the_locale_of_c(name: str) -> None:
    assert is_installed(name)


def test_a_language_that_does_not_exist_is_not_installed_and_nothing_is_set() -> None:
    before = locale.setlocale(locale.LC_ALL)
    assert not is_installed("xx_YY.UTF-8")
    assert locale.setlocale(locale.LC_ALL) == before
