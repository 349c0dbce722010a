"""A tab of a browser: what is shown in it, what it wrote to its console, what it asked the network
for."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from selenium.webdriver import Remote
    from selenium.webdriver.remote.webelement import WebElement

READY_S = 60
INLINE = ("data:", "blob:", "about:")  # within the page itself
IS_READY = "return document.documentElement.dataset.ready === 'true'"


class Tab:
    """Shows one page at a time, at 1,400 x 900 and in light colours unless told otherwise.

    `run`, `find` and `press` act on the page, or inside of `frame()` on the page in its frame.
    """

    def __init__(self, driver: Remote) -> None:
        self._driver = driver
        self._opened: list[str] = []
        self._messages: list[str] = []
        self._requests: list[tuple[str, str]] = []  # an identifier and the address
        self._scheme, self._medium = "light", ""
        self._drain()  # what the tab before has left is not this one's
        self._messages.clear()
        self._requests.clear()
        self.resize(1400)
        self._emulate_media()
        self.command("Emulation.setScrollbarsHidden", hidden=True)
        # A tab in the background has no focus, and shows none.
        self.command("Emulation.setFocusEmulationEnabled", enabled=True)

    def command(self, name: str, /, **parameters: Any) -> dict[str, Any]:
        """Send a command of the Chrome DevTools protocol and return its answer."""
        asked = {"cmd": name, "params": parameters}
        answer: dict[str, Any] = self._driver.execute("executeCdpCommand", asked)["value"]
        return answer

    def resize(self, width: int, height: int = 900) -> None:
        """Give the page so many CSS pixels, one to a pixel of the screen."""
        self.command(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def prefer(self, scheme: str) -> None:
        """Let the system prefer "light" or "dark" pages."""
        self._scheme = scheme
        self._emulate_media()

    def show_as(self, medium: str) -> None:
        """Show the page as on "print", or as on a screen again: ""."""
        self._medium = medium
        self._emulate_media()

    def _emulate_media(self) -> None:
        features = {"prefers-color-scheme": self._scheme, "prefers-reduced-motion": "reduce"}
        self.command(
            "Emulation.setEmulatedMedia",
            media=self._medium,
            features=[{"name": name, "value": value} for name, value in features.items()],
        )

    def go_offline(self) -> None:
        """Switch the network off for the tab."""
        self.command("Network.enable")
        self.command(
            "Network.emulateNetworkConditions",
            offline=True,
            latency=0,
            downloadThroughput=-1,
            uploadThroughput=-1,
        )

    def open(self, page: Path | str, *, waits: bool = True) -> None:
        """Open a file or an address; wait until the page says that all is drawn, unless `waits` is
        false."""
        address = page.absolute().as_uri() if isinstance(page, Path) else page
        self._opened.append(address)
        self._driver.get(address)
        if waits:
            self.wait_until(IS_READY)

    def open_in_sandbox(self, page: Path, *, inline: bool = False) -> None:
        """Open a page as trackers show it: in a frame that may run scripts and nothing else.

        The frame has the page's address, or with `inline` its text. A page beside it is written.
        """
        outer = page.with_name(page.stem + ".sandbox.html")
        text = page.read_text(encoding="utf-8").replace("&", "&amp;").replace('"', "&quot;")
        source = f'srcdoc="{text}"' if inline else f'src="{page.name}"'
        outer.write_text(
            '<!doctype html><meta charset="utf-8"><title>sandbox</title>'
            "<style>body { margin: 0 } iframe { border: 0; width: 100vw; height: 100vh }</style>"
            f'<iframe sandbox="allow-scripts" {source}></iframe>\n',
            encoding="utf-8",
        )
        self._opened.append(page.absolute().as_uri())
        self.open(outer, waits=False)
        with self.frame():
            self.wait_until(IS_READY)

    @contextlib.contextmanager
    def frame(self) -> Iterator[None]:
        """Let what is asked go to the page in the frame."""
        self._driver.switch_to.frame(0)
        try:
            yield
        finally:
            self._driver.switch_to.default_content()

    def allow_downloads(self, folder: Path) -> None:
        """Let pages save files, without being asked, into the folder."""
        self.command("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder))

    def wait_for_file(self, path: Path) -> str:
        """Return the text of a file that the page saves."""
        from selenium.webdriver.support.wait import WebDriverWait

        WebDriverWait(self._driver, READY_S, 0.02).until(
            lambda _: path.exists(), f"{path.name} was not saved; console: {self.messages()}"
        )
        return path.read_text(encoding="utf-8")

    def wait_until(self, script: str, *arguments: Any) -> None:
        """Wait until a script returns something true; fail with what the console says if it
        does not."""
        from selenium.common.exceptions import TimeoutException
        from selenium.webdriver.support.wait import WebDriverWait

        try:
            WebDriverWait(self._driver, READY_S, 0.02).until(lambda _: self.run(script, *arguments))
        except TimeoutException:
            raise AssertionError(
                f"not within {READY_S} s: {script}; console: {self.messages()}"
            ) from None

    def run(self, script: str, *arguments: Any) -> Any:
        """Run the body of a function in the page and return its value."""
        return self._driver.execute_script(script, *arguments)

    def run_async(self, script: str, *arguments: Any) -> Any:
        """Run the body of an async function in the page and return what it came to."""
        whole = (
            "const done = arguments[arguments.length - 1];"
            f"(async () => {{ {script} }})().then(done, error => done(`failed: ${{error}}`));"
        )
        self._driver.set_script_timeout(READY_S)
        return self._driver.execute_async_script(whole, *arguments)

    def find(self, selector: str) -> list[WebElement]:
        """Return the elements that a CSS selector names, in the page's order."""
        return self._driver.find_elements("css selector", selector)

    def press(self, *keys: str, holding: str = "") -> None:
        """Press and release keys, one after the other, on what has the focus; with another key
        held down if that is said."""
        from selenium.webdriver.common.action_chains import ActionChains

        chain = ActionChains(self._driver, duration=0)
        if holding:
            chain.key_down(holding)
        for key in keys:
            chain.send_keys(key)
        if holding:
            chain.key_up(holding)
        chain.perform()

    def click(self, element: WebElement) -> None:
        """Scroll an element to the middle of the window, clear of what stays at its top, and click
        it."""
        self.run("arguments[0].scrollIntoView({ block: 'center' })", element)
        element.click()

    def move_to(self, element: WebElement, x: int = 0, y: int = 0) -> None:
        """Move the pointer over an element, `x` and `y` pixels from its middle."""
        from selenium.webdriver.common.action_chains import ActionChains

        chain = ActionChains(self._driver, duration=0)
        chain.move_to_element_with_offset(element, x, y).perform()

    def height(self) -> int:
        """Return the height of the whole page, in pixels."""
        height: int = self.run("return document.documentElement.scrollHeight")
        return height

    def picture(self, most_height: int) -> bytes:
        """Return a PNG of the page from its top to its end, or so far down as is allowed."""
        width, height = self.run("return innerWidth"), min(self.height(), most_height)
        answer = self.command(
            "Page.captureScreenshot",
            format="png",
            captureBeyondViewport=True,
            clip={"x": 0, "y": 0, "width": width, "height": height, "scale": 1},
        )
        return base64.b64decode(answer["data"])

    def messages(self) -> list[str]:
        """Return what the console said since the tab was opened: errors, warnings and all else."""
        self._drain()
        return list(self._messages)

    def requests_outside(self) -> list[str]:
        """Return the addresses that were asked for, but for those that were opened, and those that
        the page's own policy kept from being asked."""
        self._drain()
        opened = {address.partition("#")[0] for address in self._opened}
        return [
            address
            for _, address in self._requests
            if address.partition("#")[0] not in opened and not address.startswith(INLINE)
        ]

    def assert_silent(self) -> None:
        """Fail if the console said anything, or an address was asked for but the page's own."""
        messages, requests = self.messages(), self.requests_outside()
        if messages or requests:
            raise AssertionError(f"console: {messages}; asked for: {requests}")

    def _drain(self) -> None:
        for entry in self._driver.execute("getLog", {"type": "browser"})["value"]:
            self._messages.append(f"{entry['level']}: {entry['message']}")
        for entry in self._driver.execute("getLog", {"type": "performance"})["value"]:
            event = json.loads(entry["message"])["message"]
            about = event["params"]
            if event["method"] == "Network.requestWillBeSent":
                self._requests.append((about["requestId"], about["request"]["url"]))
            elif event["method"] == "Network.loadingFailed" and "blockedReason" in about:
                blocked = about["requestId"]
                self._requests = [made for made in self._requests if made[0] != blocked]
