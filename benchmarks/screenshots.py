"""Pages of the committed samples, and pictures of them as they are in a window and on a telephone.

python benchmarks/screenshots.py [NAME ...] [--pages build/pages] [--out reports/samples]

Writes `PAGES/NAME.html`, `OUT/NAME/page.png` (1,400 pixels wide) and `OUT/NAME/page-narrow.png`
(400). A picture goes down as far as its size allows. Needs Chromium, as the tests of the page do.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from reproaudit.report import render
from reproaudit.report.json_report import from_json
from tests.browser.chromium import Browser, start_browser

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "reports" / "samples"
SHOWN = ("graph_net", "five_sources", "ddp_kernel", "ddp_clean", "vary", "resume", "seeds", "batch")
WIDTHS = {"page.png": 1400, "page-narrow.png": 400}
MOST_BYTES = 400_000
MOST_HEIGHT = 8_000


def write_page(name: str, folder: Path) -> Path:
    """Render the page of a sample's result, and return its path."""
    result = from_json((SAMPLES / name / "result.json").read_text(encoding="utf-8"))
    page = folder / f"{name}.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(render(result, "html"), encoding="utf-8")
    return page


def take_picture(browser: Browser, page: Path, width: int) -> bytes:
    """Return a PNG of the page's beginning that is no larger than is allowed."""
    with browser.new_tab() as tab:
        tab.resize(width)
        tab.open(page)
        height = MOST_HEIGHT
        picture = tab.picture(height)
        while len(picture) > MOST_BYTES:
            height = min(height, tab.height())
            height = int(height * min(0.97, MOST_BYTES / len(picture)))
            picture = tab.picture(height)
        tab.assert_silent()
    return picture


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", default=SHOWN, metavar="NAME")
    parser.add_argument("--pages", type=Path, default=ROOT / "build" / "pages")
    parser.add_argument("--out", type=Path, default=SAMPLES)
    options = parser.parse_args()
    with start_browser() as browser:
        for name in options.names:
            page = write_page(name, options.pages)
            for file, width in WIDTHS.items():
                path = options.out / name / file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(take_picture(browser, page, width))
                print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
