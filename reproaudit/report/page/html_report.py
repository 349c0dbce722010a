"""Owns the HTML page: one file, for a browser, of one or several results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reproaudit.model.aligned_ops import AlignedOps
from reproaudit.model.result import AuditResult
from reproaudit.report.page.document import measure_shell, write_document
from reproaudit.report.page.fitting import fit_payload


@dataclass(frozen=True, slots=True)
class HtmlOptions:
    """`source`: show lines of the program. `ops` are shown instead of those of the result, as whole
    streams that were read from traces. `most_bytes`: what does not fit is left out, and the page
    says so. What it cannot do without takes up to half a megabyte."""

    source: bool = True
    ops: AlignedOps | None = None
    most_bytes: int = 20_000_000


@dataclass(frozen=True, slots=True)
class HtmlReport:
    options: HtmlOptions = HtmlOptions()

    def render_all(
        self, results: Sequence[AuditResult], accepted: frozenset[str] = frozenset()
    ) -> str:
        """Return the page. Of several results it shows one, and lets the reader choose."""
        payload = fit_payload(
            results,
            accepted,
            with_source=self.options.source,
            whole_ops=self.options.ops,
            most_bytes=self.options.most_bytes - measure_shell(),
        )
        return write_document(payload)
