"""A page, taken apart as a browser would."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from reproaudit.model.result import AuditResult
from reproaudit.report.page.html_report import HtmlOptions, HtmlReport

DEFAULTS = HtmlOptions()


@dataclass
class Element:
    tag: str
    attributes: dict[str, str | None]
    text: str = ""


@dataclass
class PageParts(HTMLParser):
    """The elements of a page in their order, each with the text that stands directly in it."""

    page: str
    elements: list[Element] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._open: list[Element] = []
        self.feed(self.page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, dict(attrs))
        self.elements.append(element)
        if tag not in ("meta", "link"):
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        if self._open:
            self._open[-1].text += data

    def of(self, tag: str) -> list[Element]:
        return [element for element in self.elements if element.tag == tag]

    @property
    def policy(self) -> str:
        (found,) = (
            element.attributes["content"] or ""
            for element in self.of("meta")
            if element.attributes.get("http-equiv") == "Content-Security-Policy"
        )
        return found

    @property
    def payload(self) -> dict[str, Any]:
        (found,) = (element.text for element in self.of("script") if element.attributes.get("id"))
        facts: dict[str, Any] = json.loads(found)
        return facts


def render_page(
    *results: AuditResult,
    options: HtmlOptions = DEFAULTS,
    accepted: frozenset[str] = frozenset(),
) -> str:
    return HtmlReport(options).render_all(results, accepted)


def read_payload(
    *results: AuditResult,
    options: HtmlOptions = DEFAULTS,
    accepted: frozenset[str] = frozenset(),
) -> dict[str, Any]:
    return PageParts(render_page(*results, options=options, accepted=accepted)).payload
