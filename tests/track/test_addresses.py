"""What is left out of addresses."""

from __future__ import annotations

import pytest

from reproaudit.track.addresses import hide_credentials


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://me:s3cret@host:5000/#/x", "https://host:5000/#/x"),
        (
            "no answer from http://token@host/a (mail@host)",
            "no answer from http://host/a (mail@host)",
        ),
        ("postgresql://me:s3@cr@et@host/db", "postgresql://host/db"),
        ("http://host/@user/page", "http://host/@user/page"),
        ("", ""),
    ],
)
def test_a_password_is_shown_to_nobody(text: str, shown: str) -> None:
    assert hide_credentials(text) == shown
