"""Pictures of a result in MLflow's own viewer: the run, and the page among its artifacts.

python benchmarks/page_in_mlflow.py --mlflow VENV/bin/mlflow [--result RESULT] [--out reports/page]

Starts MLflow's server on this machine, logs the result into it with `--track mlflow`, and writes
`OUT/mlflow-run.png` and `OUT/mlflow.png`. Needs Chromium, and MLflow with its server, which the
environment of development lacks: `pip install mlflow` into one of its own.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.browser.chromium import start_browser
from tests.browser.tab import IS_READY, Tab

ROOT = Path(__file__).resolve().parent.parent
START_S = 120.0
DRAWN_S = 15.0  # the viewer has no sign of being done
WIDTH, HEIGHT = 1500, 1000
CLOSE_ASSISTANT = (
    "for (const button of document.querySelectorAll('button[aria-label*=\"lose\"]')) button.click()"
)
TO_HEAT_MAP = "document.querySelector('[data-ringed-row]').scrollIntoView({block: 'center'})"


@contextlib.contextmanager
def start_server(mlflow: str, folder: Path) -> Iterator[str]:
    """Start a server with an empty store, yield its address, and end all its processes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [mlflow, "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db"]
    command += ["--artifacts-destination", str(folder / "artifacts")]
    # Consumers of jobs would outlive it.
    quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(
            command, env=os.environ | quiet, stdout=log, stderr=log, start_new_session=True
        )
    try:
        address = f"http://127.0.0.1:{port}"
        wait_for(f"{address}/health", server)
        yield address
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def wait_for(address: str, server: subprocess.Popen[bytes]) -> None:
    """Wait until the server answers."""
    deadline = time.monotonic() + START_S
    while server.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=5):
            return
        time.sleep(0.5)
    raise RuntimeError("MLflow's server did not start")


def log_result(result: Path, address: str) -> str:
    """Log the result as a user does, and return the address of its run."""
    command = [
        sys.executable,
        "-m",
        "reproaudit",
        "report",
        str(result),
        "--track",
        "mlflow=audits",
    ]
    variables = os.environ | {"MLFLOW_TRACKING_URI": address}
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    found = re.search(r"logged to mlflow as \w+: (\S+)", done.stderr)
    if found is None:
        raise RuntimeError(done.stderr)
    return found[1]


def take_pictures(run: str) -> dict[str, bytes]:
    """Return pictures by the names of their files."""
    with start_browser() as browser:
        with browser.new_tab() as tab:
            show(tab, run)
            overview = take_picture(tab)
        with browser.new_tab() as tab:
            show(tab, f"{run}/artifacts/report.html")
            tab.wait_until("return document.querySelector('iframe') !== null")
            with tab.frame():
                tab.wait_until(IS_READY)
                tab.run(TO_HEAT_MAP)
            time.sleep(1)
            page = take_picture(tab)
    return {"mlflow-run.png": overview, "mlflow.png": page}


def take_picture(tab: Tab) -> bytes:
    """Return a PNG of what the window shows. Of more the viewer would be laid out anew."""
    return base64.b64decode(tab.command("Page.captureScreenshot", format="png")["data"])


def show(tab: Tab, address: str) -> None:
    """Open a page of the viewer and wait until it has fetched what it shows."""
    tab.resize(WIDTH, HEIGHT)
    tab.open(address, waits=False)
    time.sleep(DRAWN_S)
    tab.run(CLOSE_ASSISTANT)  # which lays out the rest anew
    time.sleep(DRAWN_S)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mlflow", required=True, help="the command of an MLflow with its server")
    sample = ROOT / "reports" / "samples" / "graph_net" / "result.json"
    parser.add_argument("--result", type=Path, default=sample)
    parser.add_argument("--out", type=Path, default=ROOT / "reports" / "page")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="reproaudit-mlflow-") as folder,
        start_server(options.mlflow, Path(folder)) as address,
    ):
        pictures = take_pictures(log_result(options.result, address))
    options.out.mkdir(parents=True, exist_ok=True)
    for name, picture in pictures.items():
        (options.out / name).write_bytes(picture)
        print(f"{options.out / name}: {len(picture):,} bytes")


if __name__ == "__main__":
    main()
