"""What else looks like a rule, for each rule of the tables."""

from __future__ import annotations

from collections.abc import Mapping

from reproaudit.knowledge.lookalikes_causes import OF_CAUSES
from reproaudit.knowledge.lookalikes_questions import OF_QUESTIONS
from reproaudit.knowledge.lookalikes_warnings import OF_WARNINGS
from reproaudit.knowledge.traits import Lookalike

LOOKALIKES: Mapping[str, tuple[Lookalike, ...]] = {**OF_CAUSES, **OF_WARNINGS, **OF_QUESTIONS}
