"""Answers the browser of whoever started it, and nobody else. Only reads, and only what is listed.

Every user of a machine reaches its loopback address: addresses begin with a secret.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import re
import secrets
import socket
import sys
import threading
import traceback
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any
from urllib.parse import parse_qs

from reproaudit import __version__
from reproaudit.serve.folder import AuditFolder, NoAudit
from reproaudit.serve.pages import Order, list_page, message_page, pair_page, read_style

ADDRESS = "127.0.0.1"
_NAMES = (ADDRESS, "localhost")
_IDLE_S = 10  # that a connection may say nothing, or take nothing
_MOST_FIELDS = 8
_AUDIT = re.compile(r"audit/([0-9a-f]{16})")
_SECRET_BYTES = 16
_HTTP_PORT = 80  # which browsers do not name

_MESSAGES = {
    HTTPStatus.BAD_REQUEST: ("Not understood", "The request is no address of this server."),
    HTTPStatus.NOT_FOUND: ("Not there", "There is no such page, or the audit has gone."),
    HTTPStatus.METHOD_NOT_ALLOWED: ("Not done", "Pages are only read here."),
    HTTPStatus.MISDIRECTED_REQUEST: ("Not here", "This server has another name."),
    HTTPStatus.INTERNAL_SERVER_ERROR: ("Failed", "The terminal of the server says why."),
    HTTPStatus.SERVICE_UNAVAILABLE: ("Not there", "The folder cannot be read now."),
}
# An audit's page brings a policy of its own, which allows its own scripts alone. Sandboxed, it has
# no part in what this server shows besides, also where it is opened by itself.
_AUDIT_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'; "
    "sandbox allow-scripts allow-downloads"
)
_HEADERS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cache-Control", "no-store"),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back: HTML as UTF-8, and the policy under which it is shown."""

    body: bytes
    policy: str
    status: HTTPStatus = HTTPStatus.OK


class AuditServer(ThreadingHTTPServer):
    """Shows the audits of one folder on the loopback address. Raises OSError for a port that cannot
    be had; port 0 is any that is free."""

    # Ended with the server: a daemon's thread could outlive it.
    daemon_threads = False

    def __init__(self, folder: AuditFolder, name: str, port: int = 0) -> None:
        self.folder = folder
        self.name = name
        self._secret = secrets.token_hex(_SECRET_BYTES)
        self._open: set[socket.socket] = set()
        self._changing = threading.Lock()
        super().__init__((ADDRESS, port), _Handler)

    @property
    def url(self) -> str:
        return f"http://{ADDRESS}:{self.server_port}/{self._secret}/"

    def find_page(self, path: str) -> str | None:
        """Return what of a path stands behind the secret; None if it does not begin with it."""
        _, secret, *rest = path.split("/", 2)
        if not rest or not secrets.compare_digest(secret.encode(), self._secret.encode()):
            return None
        return rest[0]

    @property
    def hosts(self) -> frozenset[str]:
        """What a browser may call this server: of any other name it was sent here by somebody
        else's page."""
        names = {f"{name}:{self.server_port}" for name in _NAMES}
        if self.server_port == _HTTP_PORT:
            names.update(_NAMES)
        return frozenset(names)

    def server_bind(self) -> None:
        # Not that of HTTPServer, which asks the network for the machine's name.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = ADDRESS, self.socket.getsockname()[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._changing:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._changing:
            self._open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        """End every connection and its thread, and give the port back."""
        with self._changing:
            for connection in self._open:
                with contextlib.suppress(OSError):  # it has ended by itself
                    connection.shutdown(socket.SHUT_RDWR)
        super().server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a browser that went away; anything else is our fault."""
        if not isinstance(sys.exc_info()[1], OSError):
            traceback.print_exc()


class _Handler(BaseHTTPRequestHandler):
    server: AuditServer
    timeout = _IDLE_S
    server_version = f"reproaudit/{__version__}"
    sys_version = ""

    def do_GET(self) -> None:
        self._reply(self._answer())

    do_HEAD = do_GET

    def _answer(self) -> Answer:
        hosts = self.headers.get_all("Host", [])
        if len(hosts) != 1 or hosts[0].strip().lower() not in self.server.hosts:
            return _refuse(HTTPStatus.MISDIRECTED_REQUEST)
        path, _, query = self.path.partition("?")
        page = self.server.find_page(path) if path.startswith("/") else None
        if page is None:
            return _refuse(HTTPStatus.NOT_FOUND)
        try:
            fields = parse_qs(query, max_num_fields=_MOST_FIELDS)
        except ValueError:
            return _refuse(HTTPStatus.BAD_REQUEST)
        first = {name: values[0] for name, values in fields.items()}
        try:
            return self._route(page, first)
        except NoAudit:
            return _refuse(HTTPStatus.NOT_FOUND)
        except OSError:
            return _refuse(HTTPStatus.SERVICE_UNAVAILABLE)
        except Exception:
            traceback.print_exc()
            return _refuse(HTTPStatus.INTERNAL_SERVER_ERROR)

    def _route(self, page: str, fields: dict[str, str]) -> Answer:
        folder = self.server.folder
        if not page:
            order = Order.read(fields.get("sort", ""), fields.get("order", ""))
            return _answer_with(list_page(folder.look(), self.server.name, order))
        if page == "pair":
            first, second = fields.get("a", ""), fields.get("b", "")
            return _answer_with(pair_page(folder.find(first), folder.find(second)))
        named = _AUDIT.fullmatch(page)
        if named is None:
            return _refuse(HTTPStatus.NOT_FOUND)
        return Answer(folder.show(named[1]), _AUDIT_POLICY)

    def _reply(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Content-Security-Policy", answer.policy)
        for name, value in _HEADERS:
            self.send_header(name, value)
        if answer.status == HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "GET, HEAD")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what the base class refuses: nothing of the request is repeated."""
        status = HTTPStatus(code)
        if status == HTTPStatus.NOT_IMPLEMENTED:
            status = HTTPStatus.METHOD_NOT_ALLOWED
        elif status not in _MESSAGES:
            status = HTTPStatus.BAD_REQUEST
        self.close_connection = True
        self._reply(_refuse(status))

    def log_message(self, format: str, *args: Any) -> None:
        """Keep no log: the terminal is for what went wrong."""


def _answer_with(page: str, status: HTTPStatus = HTTPStatus.OK) -> Answer:
    return Answer(page.encode("utf-8"), _own_policy(), status)


def _refuse(status: HTTPStatus) -> Answer:
    return _answer_with(message_page(*_MESSAGES[status]), status)


@lru_cache(maxsize=1)
def _own_policy() -> str:
    """Return the policy of the pages that are ours alone: no script, and one style."""
    digest = base64.b64encode(hashlib.sha256(read_style().encode("utf-8")).digest()).decode("ascii")
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; frame-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
