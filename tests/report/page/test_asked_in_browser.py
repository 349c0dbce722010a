"""What only some questions bring out, in a real browser."""

from __future__ import annotations

from tests.browser.tab import Tab
from tests.report.page.conftest import Pages

CELLS = (
    "return [...document.querySelectorAll('#{} tbody > tr:not(.more)')]"
    ".map((row) => row.cells[{}].innerText)"
)


def test_variations_are_listed_with_bugs_first_and_each_opens_its_finding(
    tab: Tab, write_page: Pages
) -> None:
    tab.open(write_page("vary"))
    answers = tab.run(CELLS.format("variations", 1))
    assert answers[:3] == ["a bug", "a bug", "not explained"]
    assert answers[-1] == "not tried"
    tab.click(tab.find("#variations button.opener")[3])
    opened = tab.run("return document.querySelector('#variations tr.more:not([hidden])').innerText")
    assert "the order in which partial sums are added" in opened
    assert "aten::sum" in opened
    told = tab.run("return document.querySelector('#dependences').innerText")
    assert "torch 2.14.1" in told
    assert "aten::sum" not in told
    assert tab.find("#finding") == []


def test_what_a_resumed_run_lost_stands_before_how_it_was_made(tab: Tab, write_page: Pages) -> None:
    tab.open(write_page("resume"))
    order = tab.run("return [...document.querySelectorAll('main > section')].map(({ id }) => id)")
    assert order.index("lost") < order.index("resumption") < order.index("finding")
    headings = tab.run(
        "return [...document.querySelectorAll('#lost h3:not(.minor)')].map((one) => one.innerText)"
    )
    assert headings == ["scheduler StepLR", "random stream torch CPU", "position in the data"]
    assert tab.run(CELLS.format("classes", 1))[:3] == ["uninterrupted", "stopped", "resumed"]


def test_settings_are_in_the_order_of_the_run_and_lead_to_what_they_undo(
    tab: Tab, write_page: Pages
) -> None:
    tab.open(write_page("seeds"))
    assert tab.run("return document.querySelectorAll('.timeline > .late').length") == 2
    tab.click(tab.find(".timeline a")[0])
    assert tab.run("return document.querySelector(location.hash).innerText").startswith(
        "torch.use_deterministic_algorithms = True"
    )
