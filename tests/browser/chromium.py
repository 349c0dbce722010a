"""A real browser for tests and scripts that look at pages: headless Chromium, driven by selenium.

It reaches nothing but this machine: no name is resolved, and no proxy is used.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tests.browser.tab import Tab

if TYPE_CHECKING:
    from selenium.webdriver import Remote
    from selenium.webdriver.chrome.service import Service

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DRIVER = "chromedriver"
INSTALL = "apt-get install chromium chromium-driver"
COMMAND_S = 60  # within which the browser answers each command
# A process that was just killed may still be writing into the folder.
CLEAR_AWAY = """
read -r nothing
kill -s KILL -- "-$1"
for attempt in 1 2 3 4 5 6 7 8 9; do
  rm -rf -- "$2" 2> /dev/null && exit
  sleep 0.2
done
exit 1
"""
NO_NAMES = "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"
# What chromedriver hears of a frame in a process of its own is nothing: neither its console nor its
# requests. A sandboxed frame has one, unless these are off.
FRAMES_APART = ("IsolateSandboxedIframes", "IsolateOrigins", "site-per-process")
ARGUMENTS = (
    "--headless",
    # Its own sandbox needs namespaces, which containers lack. Pages here are our own.
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-site-isolation-trials",
    "--hide-scrollbars",
    "--disable-lcd-text",
    "--force-color-profile=srgb",
    f"--disable-features={','.join(FRAMES_APART)}",
    f"--host-resolver-rules={NO_NAMES}",
)
# A window would begin with the page of new tabs, which is a program of its own.
PREFERENCES = {"session.restore_on_startup": 4, "session.startup_urls": ["about:blank"]}


def missing_programs() -> str:
    """Return what a browser lacks on this machine and how to install it, or "" if nothing."""
    names = []
    if find_browser() is None:
        names.append("Chromium")
    if shutil.which(DRIVER) is None:
        names.append(DRIVER)
    return f"needs {' and '.join(names)}, found none on PATH: {INSTALL}" if names else ""


def find_browser() -> str | None:
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


class Browser:
    """One browser process. Pages are opened in tabs, which share nothing but the process."""

    def __init__(self, driver: Remote, process: int) -> None:
        self._driver = driver
        self.process = process  # chromedriver's, which leads the group of all processes

    @contextlib.contextmanager
    def new_tab(self) -> Iterator[Tab]:
        """Open an empty tab, and close it. Commands go to the tab opened last: one at a time."""
        first = self._driver.current_window_handle
        self._driver.switch_to.new_window("tab")
        try:
            yield Tab(self._driver)
        finally:
            self._driver.close()
            self._driver.switch_to.window(first)


@contextlib.contextmanager
def start_browser() -> Iterator[Browser]:
    """Start a browser with an empty profile; end all its processes and remove the profile after,
    even if this process is killed meanwhile.

    Raises RuntimeError where a program is missing, in words that say how to install it.
    """
    lacking = missing_programs()
    if lacking:
        raise RuntimeError(lacking)
    home = Path(tempfile.mkdtemp(prefix="reproaudit-browser-"))
    service = _start_driver(home)
    with _cleared_away(service.process.pid, home):
        try:
            driver = _connect(service, home)
            try:
                yield Browser(driver, service.process.pid)
            finally:
                _quit(driver)
        finally:
            service.stop()


@contextlib.contextmanager
def _cleared_away(group: int, folder: Path) -> Iterator[None]:
    """Kill a group of processes and remove a folder at the end, or when this process ends."""
    command = ["sh", "-c", CLEAR_AWAY, "sh", str(group), str(folder)]
    # It reads what nobody writes: the end of the pipe is the end of whoever holds it.
    watcher = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
    try:
        yield
    finally:
        watcher.communicate()
    if watcher.returncode:
        raise RuntimeError(f"{folder} cannot be removed")


def _start_driver(home: Path) -> Service:
    from selenium.webdriver.chrome.service import Service

    # A home of its own: Chromium keeps settings, caches and certificates there beside its profile.
    environment = {**os.environ, "HOME": str(home)}
    for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        environment.pop(name, None)
    service = Service(shutil.which(DRIVER), env=environment, popen_kw={"start_new_session": True})
    service.start()
    return service


def _connect(service: Service, home: Path) -> Remote:
    from selenium import webdriver
    from selenium.webdriver.chrome.remote_connection import ChromeRemoteConnection
    from selenium.webdriver.common.proxy import Proxy, ProxyType
    from selenium.webdriver.remote.client_config import ClientConfig

    options = webdriver.ChromeOptions()
    options.binary_location = find_browser() or ""
    for argument in (*ARGUMENTS, f"--user-data-dir={home / 'profile'}"):
        options.add_argument(argument)
    options.add_experimental_option("prefs", PREFERENCES)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    config = ClientConfig(
        remote_server_addr=service.service_url,
        proxy=Proxy({"proxyType": ProxyType.DIRECT}),
        timeout=COMMAND_S,
    )
    connection = ChromeRemoteConnection(
        remote_server_addr=service.service_url, client_config=config
    )
    return webdriver.Remote(command_executor=connection, options=options)


def _quit(driver: Remote) -> None:
    """Ask the browser to end. One that no longer answers is killed after."""
    from selenium.common.exceptions import WebDriverException
    from urllib3.exceptions import HTTPError

    with contextlib.suppress(WebDriverException, HTTPError):
        driver.quit()
