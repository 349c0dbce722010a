"""Starts the server on a folder, and asks it as a browser or an attacker would."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

from reproaudit.model.result import AuditResult
from reproaudit.report.json_report import to_json
from reproaudit.serve.folder import AuditFolder, Render
from reproaudit.serve.server import ADDRESS, AuditServer
from tests.report.cases import ONE_DIVERGENCE, REPRODUCIBLE

HOSTILE = "<script>alert(1)</script>'\"&"


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    text: str


@dataclass(frozen=True)
class Client:
    """Asks a server that is under way."""

    server: AuditServer

    @property
    def root(self) -> str:
        """The path of the list."""
        return self.server.url.partition(f":{self.server.server_port}")[2]

    def ask(
        self, path: str = "", *, method: str = "GET", host: str | None = None, whole: bool = False
    ) -> Reply:
        """Ask for a page below the list, or with `whole` for exactly this path."""
        connection = HTTPConnection(ADDRESS, self.server.server_port, timeout=30)
        with contextlib.closing(connection):
            target = path if whole else self.root + path
            connection.putrequest(method, target, skip_host=True)
            connection.putheader("Host", host or f"{ADDRESS}:{self.server.server_port}")
            connection.endheaders()
            return _read(connection.getresponse())

    def send(self, raw: bytes) -> bytes:
        """Send bytes that no client library would send; return what comes back.

        A server that has refused them need not read them all, and closes the connection.
        """
        address = (ADDRESS, self.server.server_port)
        parts = []
        with socket.create_connection(address, timeout=30) as connection:
            with contextlib.suppress(OSError):
                connection.sendall(raw)
                connection.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionResetError):
                while part := connection.recv(1 << 16):
                    parts.append(part)
        return b"".join(parts)


def _read(response: HTTPResponse) -> Reply:
    return Reply(response.status, dict(response.getheaders()), response.read().decode("utf-8"))


def show_headline(result: AuditResult, folder: Path) -> str:
    """Stand in for the page of an audit."""
    return f"<!DOCTYPE html>page of {result.headline}\n"


@contextlib.contextmanager
def serving(root: Path, render: Render = show_headline) -> Iterator[Client]:
    """Serve a folder within."""
    server = AuditServer(AuditFolder(root, render), "runs")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield Client(server)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def save(path: Path, headline: str = "", result: AuditResult = ONE_DIVERGENCE) -> None:
    """Write a result, with a headline of its own where one is given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(to_json(replace(result, headline=headline or result.headline)))


def save_two(root: Path) -> None:
    """Write one that differs and one that does not."""
    save(root / "first" / "result.json", "the first differs")
    save(root / "second" / "result.json", "the second is equal", REPRODUCIBLE)
