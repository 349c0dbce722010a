"""What a large page costs the person who opens it: a million operators, 2,000 tensors over 1,000
steps, 10,000 findings.

python benchmarks/page_load.py [--rows 1000000] [--tensors 2000] [--steps 1000] [--findings 10000]
                               [--times 3] [--out reports/page/README.md]

Each page is opened several times, each time in a browser of its own: headless Chromium, 1,400 x 900
pixels, no graphics card. Times are the page's own clock, from the moment at which it was asked for.
Needs Chromium, as the tests of the page do.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from figures import Spread, publish, spread
from page_data import make_result
from tabulate import tabulate

from reproaudit.report import render
from tests.browser.chromium import Browser, start_browser
from tests.browser.tab import Tab

# Runs before any script of the page: notes when what it said to be drawn has been shown.
WATCH = """
new MutationObserver((_, observer) => {
  if (document.documentElement?.dataset.ready !== "true") return;
  observer.disconnect();
  const note = () => setTimeout(() => { window.readyAt = performance.now(); });
  requestAnimationFrame(() => requestAnimationFrame(note));
}).observe(document, { attributes: true, childList: true, subtree: true });
"""
PAINTED = """
return performance.getEntriesByName("first-contentful-paint").map((entry) => entry.startTime)[0];
"""
# From a letter that is typed to the frame that shows what it leaves.
FILTER = """
const [selector, text] = arguments;
const input = document.querySelector(selector);
const frame = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
await frame();
const start = performance.now();
input.focus();
input.value = text;
input.dispatchEvent(new Event("input", { bubbles: true }));
await frame();
return performance.now() - start;
"""
RECORD_FRAMES = """
window.frames = [];
const note = (now) => {
  window.frames.push(now);
  window.frameRequest = requestAnimationFrame(note);
};
requestAnimationFrame(note);
"""
TAKE_FRAMES = "cancelAnimationFrame(window.frameRequest); return window.frames;"
MIDDLE = """
const node = document.querySelector(arguments[0]);
if (node !== document.documentElement) node.scrollIntoView({ block: "center" });
const box = node.getBoundingClientRect();
return [box.left + box.width / 2, Math.min(innerHeight / 2, box.top + box.height / 2)];
"""
SCROLL_PIXELS_PER_S = 4000
SCROLL_S = 2


@dataclass(frozen=True)
class Case:
    """A page: what it holds, what is typed into which filter, what is scrolled."""

    name: str
    sizes: dict[str, int]
    filter: str
    typed: str
    scrolled: str


@dataclass(frozen=True)
class Load:
    """What one opening of a page took: milliseconds and megabytes of 1,000,000 bytes."""

    paint: float
    ready: float
    filtered: float
    frame_median: float
    frame_worst: float
    heap: float
    resident: float


def list_cases(options: argparse.Namespace) -> tuple[Case, ...]:
    stream, growth = "[data-picture=stream]", "[data-picture=growth]"
    return (
        Case(
            f"{options.rows:,} operators per run",
            {"rows": options.rows, "steps": options.steps},
            f"{stream} [data-role=filter]",
            "index_put",
            f"{stream} .scroller",
        ),
        Case(
            f"{options.tensors:,} tensors × {options.steps:,} steps",
            {"tensors": options.tensors, "steps": options.steps},
            f"{growth} [data-role=filter]",
            "blocks.1",
            f"{growth} .scroller",
        ),
        Case(
            f"{options.findings:,} findings",
            {"findings": options.findings},
            "#findings input[type=search]",
            "hash-order",
            "html",
        ),
        Case("one finding", {}, "", "", "html"),
    )


def load(page: Path, case: Case) -> Load:
    """Open the page in a browser of its own, filter it, scroll it, and weigh it."""
    with start_browser() as browser, browser.new_tab() as tab:
        tab.command("Page.addScriptToEvaluateOnNewDocument", source=WATCH)
        tab.open(page)
        tab.wait_until("return window.readyAt !== undefined")
        heap, resident = weigh(tab, browser)
        filtered = 0.0
        frames = scroll(tab, case.scrolled)
        if case.filter:
            filtered = tab.run_async(FILTER, case.filter, case.typed)
        return Load(
            paint=tab.run(PAINTED),
            ready=tab.run("return window.readyAt"),
            filtered=filtered,
            frame_median=spread(frames).median,
            frame_worst=max(frames),
            heap=heap,
            resident=resident,
        )


def weigh(tab: Tab, browser: Browser) -> tuple[float, float]:
    """Return the megabytes that the page's scripts keep, and those of the process that shows it."""
    tab.command("HeapProfiler.collectGarbage")
    usage = tab.command("Runtime.getHeapUsage")
    kept = usage["usedSize"] + usage["embedderHeapUsedSize"] + usage["backingStorageSize"]
    return kept / 1e6, max(list_renderers(browser.process))


def list_renderers(group: int) -> Iterable[float]:
    """Yield the megabytes that are resident of each process of the browser that shows pages."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes()
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            status = (folder / "status").read_text()
        except OSError:
            continue  # it has just ended
        if int(fields[2]) == group and b"--type=renderer" in line:
            yield int(status.partition("VmRSS:")[2].split()[0]) * 1024 / 1e6


def scroll(tab: Tab, selector: str) -> list[float]:
    """Scroll for two seconds as a hand does, and return the milliseconds between frames."""
    x, y = tab.run(MIDDLE, selector)
    tab.run(RECORD_FRAMES)
    tab.command(
        "Input.synthesizeScrollGesture",
        x=x,
        y=y,
        yDistance=-SCROLL_PIXELS_PER_S * SCROLL_S,
        speed=SCROLL_PIXELS_PER_S,
        gestureSourceType="mouse",
    )
    stamps = tab.run(TAKE_FRAMES)
    return [after - before for before, after in itertools.pairwise(stamps)]


@dataclass(frozen=True)
class Measured:
    """A page, and each opening of it."""

    case: Case
    bytes: int
    written_s: float
    loads: list[Load]

    def row(self) -> list[str]:
        spreads = {
            name: spread([getattr(one, name) for one in self.loads])
            for name in Load.__dataclass_fields__
        }
        longest = spreads["frame_worst"].median
        return [
            self.case.name,
            f"{self.bytes / 1e6:.2f}",
            f"{self.written_s:.1f}",
            show(spreads["paint"]),
            show(spreads["ready"]),
            show(spreads["filtered"]) if self.case.filter else "",
            f"{spreads['frame_median'].median:.1f}, {longest:.0f}",
            f"{spreads['heap'].median:.0f}",
            f"{spreads['resident'].median:.0f}",
        ]


def show(value: Spread) -> str:
    return f"{value.median:.0f} ({value.least:.0f}–{value.greatest:.0f})"


HEADS = (
    "page",
    "file, MB",
    "written in, s",
    "first paint, ms",
    "ready, ms",
    "filter shown, ms",
    "frame while scrolling: median, longest, ms",
    "scripts keep, MB",
    "tab's process, MB",
)


def write_document(pages: list[Measured], times: int, version: str) -> list[str]:
    return [
        "# What a large page costs",
        "",
        "Made by `python benchmarks/page_load.py --out reports/page/README.md`, with results that",
        "`benchmarks/page_data.py` makes, not an audit: sizes are what counts here. Chromium",
        f"{version}, headless, no graphics card, two cores. Median of {times} openings (least to",
        "greatest), each in a browser of its own; times from the moment at which it was asked for.",
        "*Ready*: the scripts have drawn all; a paint is shown a little after it is made.",
        "*Filter shown*: from text that is put into the filter to the frame without what it leaves",
        "out. Memory once the page is ready and garbage collected; the process holds the code of",
        "the browser, too, as the last row tells. The steps of these streams are much alike: real",
        "ones compress less.",
        "",
        tabulate([page.row() for page in pages], HEADS, tablefmt="pipe", disable_numparse=True),
    ]


def read_version() -> str:
    with start_browser() as browser, browser.new_tab() as tab:
        product: str = tab.command("Browser.getVersion")["product"]
        return product.partition("/")[2]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--tensors", type=int, default=2_000)
    parser.add_argument("--steps", type=int, default=1_000)
    parser.add_argument("--findings", type=int, default=10_000)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    pages = []
    with tempfile.TemporaryDirectory() as folder:
        for number, case in enumerate(list_cases(options)):
            result = make_result(**case.sizes)
            start = time.perf_counter()
            text = render(result, "html")
            seconds = time.perf_counter() - start
            page = Path(folder) / f"{number}.html"
            page.write_text(text, encoding="utf-8")
            loads = [load(page, case) for _ in range(options.times)]
            pages.append(Measured(case, page.stat().st_size, seconds, loads))
            print(f"{case.name}: {loads}", file=sys.stderr)
    publish(write_document(pages, options.times, read_version()), options.out)


if __name__ == "__main__":
    main()
