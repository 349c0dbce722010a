"""Reads the value of one option. What is wrong raises argparse.ArgumentTypeError."""

from __future__ import annotations

import argparse
import re


def parse_steps(text: str) -> int | None:
    """Read a number of steps; None is all of them."""
    if text == "all":
        return None
    return parse_positive(text)


def parse_positive(text: str) -> int:
    """Read a whole number above 0."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def parse_amount(text: str) -> int:
    """Read a whole number from 0."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0")
    return int(text)


def parse_port(text: str) -> int:
    """Read the number of a port; 0 is any."""
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port from 0 to 65535")
    return int(text)


def parse_workspace(text: str) -> str:
    """Read what CUBLAS_WORKSPACE_CONFIG takes: sizes and counts."""
    if not re.fullmatch(r"(:\d+:\d+)+", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no workspace, such as :4096:8 or :16:8")
    return text


def parse_seconds(text: str) -> float:
    """Read a finite number of seconds above 0."""
    value = _read_number(text)
    if value is None or not 0.0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return value


def parse_share(text: str) -> float:
    """Read a number between 0 and 1, both excluded."""
    value = _read_number(text)
    if value is None or not 0.0 < value < 1.0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number between 0 and 1")
    return value


def _read_number(text: str) -> float | None:
    """Read a number, which may be infinite or NaN; None for anything else."""
    try:
        return float(text)
    except ValueError:
        return None


def parse_switch(text: str) -> bool:
    """Read "on" or "off"."""
    word = text.lower()
    if word in ("on", "true", "1"):
        return True
    if word in ("off", "false", "0"):
        return False
    raise argparse.ArgumentTypeError(f"{text!r} is neither on nor off")


def parse_path(text: str) -> str:
    """Read a path. An empty one is a variable of a shell that is not set."""
    if not text:
        raise argparse.ArgumentTypeError("the path is empty")
    return text


def parse_assignment(text: str) -> tuple[str, str]:
    """Read NAME=VALUE."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def parse_pairs(text: str) -> tuple[tuple[str, str], ...]:
    """Read KEY=VALUE,KEY=VALUE; the last of several values of a key counts."""
    pairs: dict[str, str] = {}
    for word in text.split(","):
        key, equals, value = word.partition("=")
        if not equals or not key.strip() or not value.strip():
            raise argparse.ArgumentTypeError(f"{word!r} is not KEY=VALUE")
        pairs[key.strip()] = value.strip()
    return tuple(pairs.items())
