"""Whether a server's answer to a prompt depends on what it is asked at the same time.

Each prompt is asked alone, twice. Then requests are sent together, in batches of each size. A
server may put them into one batch, or split what came together: what is compared is its answers.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from reproaudit.errors import SubjectError, UsageError
from reproaudit.experiment.endpoint_batches import Batch, Mode, PromptSet, plan_batches
from reproaudit.experiment.endpoint_client import Answer, Endpoint
from reproaudit.experiment.endpoint_result import Asked, Condition, make_endpoint_result
from reproaudit.model.result import AuditResult
from reproaudit.runs.progress import Progress

_PLAIN = (Condition("alone"), Condition("alone, again"))
_FILE = "answers.jsonl"


@dataclass(slots=True)
class _Asking:
    """One question under way. What was answered is in the file as soon as it is known."""

    endpoint: Endpoint
    prompts: PromptSet
    progress: Progress
    file: Path | None
    asked: list[Asked] = field(default_factory=list)

    def ask_all(self, sizes: Sequence[int], requests: int) -> None:
        conditions = len(_PLAIN) + len(Mode) * len(sizes)
        for condition in _PLAIN:
            self._begin(condition, conditions)
            for number in range(len(self.prompts.texts)):
                self._ask_together((number,))
        for mode in Mode:
            for size in sizes:
                self._begin(Condition(f"{mode.value}, {size} at once", mode, size), conditions)
                for batch in plan_batches(self.prompts, mode, size, requests):
                    self._ask_batch(batch)

    def _begin(self, condition: Condition, conditions: int) -> None:
        self.asked.append(Asked(condition))
        left = conditions - len(self.asked)
        self.progress.stage(f"asking {condition.name}", None, left)

    def _ask_batch(self, batch: Batch) -> None:
        self._ask_together(batch.prompts)

    def _ask_together(self, numbers: Sequence[int]) -> None:
        """Send requests at the same time, and keep what was answered also if one of them fails."""
        answers: list[Answer | SubjectError | None] = [None] * len(numbers)
        start = threading.Barrier(len(numbers))

        def ask(place: int, text: str) -> None:
            start.wait()
            try:
                answers[place] = self.endpoint.ask(text)
            except SubjectError as error:
                answers[place] = error

        threads = [
            # A daemon: after Ctrl-C nobody waits for a server that does not answer.
            threading.Thread(target=ask, args=(place, self.prompts.texts[number]), daemon=True)
            for place, number in enumerate(numbers)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        failures = []
        for number, answer in zip(numbers, answers, strict=True):
            if isinstance(answer, Answer):
                self._keep(number, answer)
            elif answer is not None:
                failures.append(answer)
        if failures:
            raise failures[0]
        if None in answers:
            raise RuntimeError("a thread that asks ended without an answer")

    def _keep(self, number: int, answer: Answer) -> None:
        self.asked[-1].answers.append((number, answer))
        if self.file is None:
            return
        row = {
            "condition": self.asked[-1].condition.name,
            "prompt": self.prompts.texts[number],
            "text": answer.text,
            "tokens": answer.tokens,
            "logprobs": answer.numbers,
            "finish_reason": answer.ending,
        }
        with self.file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


def vary_endpoint(
    endpoint: Endpoint,
    prompts: PromptSet,
    sizes: Sequence[int],
    *,
    requests: int,
    progress: Progress,
    out: Path | None = None,
) -> tuple[AuditResult, SubjectError | None]:
    """Ask in batches of these sizes, so many requests at least for each mode and size.

    Returns the result, and what ended it early, if something did. Raises SubjectError if nothing
    was answered. The answers are in a file of `out` as they come.
    """
    endpoint.find_model()
    endpoint.try_logprobs(prompts.texts[0])
    asking = _Asking(endpoint, prompts, progress, _begin_file(out))
    failure: SubjectError | None = None
    try:
        asking.ask_all(sizes, requests)
    except SubjectError as error:
        failure = error
        if not any(one.answers for one in asking.asked):
            raise
    except KeyboardInterrupt:
        failure = SubjectError(
            "it was interrupted", code="endpoint-interrupted", hint="what was answered is compared"
        )
        if not any(one.answers for one in asking.asked):
            raise
    wanted = [(mode, size) for mode in Mode for size in sizes]
    result = make_endpoint_result(endpoint, prompts, asking.asked, wanted=wanted, failure=failure)
    return result, failure


def _begin_file(out: Path | None) -> Path | None:
    """Return an empty file for the answers; None if they are not kept."""
    if out is None:
        return None
    file = out / _FILE
    try:
        out.mkdir(parents=True, exist_ok=True)
        file.write_text("", encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"cannot write {file.name} into {out}: {error.strerror}",
            code="trace-unwritable",
            hint="name another folder with --out",
        ) from None
    return file
