"""What the server answers, and what it refuses: asked through real sockets."""

from __future__ import annotations

import re
import socket
import threading
from http.client import HTTPConnection
from pathlib import Path

import pytest

from reproaudit.model.result import AuditResult
from reproaudit.serve.server import ADDRESS
from tests.report.cases import REPRODUCIBLE
from tests.serve.serving import HOSTILE, Client, save, save_two, serving, show_headline

AUDIT = re.compile(r"href='(audit/[0-9a-f]{16})'")


def audits(client: Client, query: str = "") -> list[str]:
    return AUDIT.findall(client.ask(query).text)


def choose(client: Client) -> tuple[str, str]:
    """Return the ids that the list has chosen."""
    page = client.ask().text
    chosen = []
    for side in "ab":
        found = re.search(f"name='{side}' value='([0-9a-f]+)'[^>]* checked", page)
        assert found is not None
        chosen.append(found[1])
    return chosen[0], chosen[1]


def test_the_list_has_each_audit_and_leads_to_its_page(tmp_path: Path) -> None:
    save_two(tmp_path)
    with serving(tmp_path) as client:
        page = client.ask()
        assert page.status == 200
        for text in ("the first differs", "the second is equal", "train.py:41", "kernel", "5"):
            assert text in page.text
        shown = {client.ask(path).text for path in audits(client)}
    headlines = ("the first differs", "the second is equal")
    assert shown == {f"<!DOCTYPE html>page of {text}\n" for text in headlines}


@pytest.mark.parametrize("column", ["name", "cause", "steps", "runs", "written", "verdict"])
def test_the_list_is_sorted_as_its_heads_say(column: str, tmp_path: Path) -> None:
    save_two(tmp_path)
    with serving(tmp_path) as client:
        up = audits(client, f"?sort={column}&order=asc")
        down = audits(client, f"?sort={column}&order=desc")
        page = client.ask(f"?sort={column}&order=asc").text
        assert audits(client, "?sort=nothing&order=asc") == audits(client)
    assert len(set(up)) == 2
    assert sorted(up) == sorted(down)
    if column not in ("steps", "runs"):  # the two have the same numbers
        assert up == down[::-1]
    assert page.count("aria-sort='ascending'") == 1
    assert f"?sort={column}&amp;order=desc" in page


def test_two_stand_side_by_side_in_frames_that_share_nothing(tmp_path: Path) -> None:
    save_two(tmp_path)
    with serving(tmp_path) as client:
        first, second = choose(client)
        page = client.ask(f"pair?a={first}&b={second}").text
        assert first != second
        for identity in (first, second):
            assert f"<iframe sandbox='allow-scripts' src='audit/{identity}'" in page
        assert client.ask(f"pair?a={first}").status == 404
        assert client.ask(f"pair?a={first}&b=../../etc/passwd").status == 404


def test_a_single_audit_is_not_offered_to_be_compared(tmp_path: Path) -> None:
    save(tmp_path / "result.json")
    with serving(tmp_path) as client:
        page = client.ask().text
    assert "1 audit" in page
    assert "radio" not in page


def test_an_empty_folder_says_how_an_audit_gets_there(tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        assert "reproaudit train.py --report json=result.json" in client.ask().text


def test_a_folder_that_went_away_is_said_to_be_gone(tmp_path: Path) -> None:
    root = tmp_path / "runs"
    root.mkdir()
    with serving(root) as client:
        root.rmdir()
        reply = client.ask()
    assert reply.status == 503
    assert "cannot be read now" in reply.text
    assert str(tmp_path) not in reply.text


def test_a_result_that_changes_is_shown_as_it_is_now(tmp_path: Path) -> None:
    save_two(tmp_path)
    with serving(tmp_path) as client:
        before = [client.ask(path).text for path in audits(client)]
        save(tmp_path / "first" / "result.json", "it was audited again", REPRODUCIBLE)
        assert "it was audited again" in client.ask().text
        after = [client.ask(path).text for path in audits(client)]
        (tmp_path / "second" / "result.json").unlink()
        gone = [client.ask(path).status for path in audits(client)]
    assert "<!DOCTYPE html>page of it was audited again\n" in after
    assert sum(text in before for text in after) == 1
    assert gone == [200]


HOSTS = ("evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "localhost.evil:{port}")


@pytest.mark.parametrize(
    "host", [*HOSTS, "[::1]:{port}", "127.0.0.1:{port}.evil", "0.0.0.0:{port}"]
)
def test_another_name_for_the_server_gets_nothing(host: str, tmp_path: Path) -> None:
    save_two(tmp_path)
    with serving(tmp_path) as client:
        reply = client.ask(host=host.format(port=client.server.server_port))
    assert reply.status == 421
    assert "differs" not in reply.text


def test_the_server_may_be_called_localhost(tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        assert client.ask(host=f"LocalHost:{client.server.server_port}").status == 200


@pytest.mark.parametrize("path", ["/", "/audit/0123456789abcdef", "/pair", "/favicon.ico", "/é"])
def test_without_the_secret_there_is_nothing(path: str, tmp_path: Path) -> None:
    save_two(tmp_path)
    with serving(tmp_path) as client, serving(tmp_path) as other:
        sent = client.send(f"GET {path} HTTP/1.0\r\nHost: {host(client)}\r\n\r\n".encode())
        assert b" 404 " in sent
        assert b"differs" not in sent
        assert client.ask(other.root, whole=True).status == 404
        assert client.ask(client.root[:-1], whole=True).status == 404


def host(client: Client) -> str:
    return f"{ADDRESS}:{client.server.server_port}"


TRAVERSALS = (
    "../secret.json",
    "audit/../../secret.json",
    "audit/..%2f..%2fsecret.json",
    "audit/%2e%2e/secret.json",
    "audit//etc/passwd",
    "audit/first/result.json",
    "audit/0123456789abcdef/../../secret.json",
    "audit/0123456789abcdef%00",
    "audit/0123456789abcdef",
    "audit/",
    "pair?a=../secret.json&b=../secret.json",
    "first/result.json",
    "./",
    "..",
)


@pytest.mark.parametrize("path", TRAVERSALS)
def test_a_path_leads_nowhere(path: str, tmp_path: Path) -> None:
    save(tmp_path / "secret.json", "the secret")
    save_two(tmp_path / "shown")
    with serving(tmp_path / "shown") as client:
        reply = client.ask(path)
    assert reply.status == 404
    assert "secret" not in reply.text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "<script>"])
def test_pages_are_only_read(method: str, tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        reply = client.ask(method=method)
    assert reply.status == 405
    assert reply.headers["Allow"] == "GET, HEAD"
    assert "<script>" not in reply.text


def test_a_head_has_the_same_headers_and_no_body(tmp_path: Path) -> None:
    save_two(tmp_path)
    with serving(tmp_path) as client:
        whole, head = client.ask(), client.ask(method="HEAD")
    assert head.text == ""
    assert head.headers["Content-Length"] == str(len(whole.text.encode()))
    assert head.headers.keys() == whole.headers.keys()


@pytest.mark.parametrize(
    "raw",
    [
        b"\x00\xff\xfe\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / <script>alert(1)</script>\r\n\r\n",
        b"GET " + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 1_000 + b"\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
        b"GET http://evil.example/ HTTP/1.1\r\nHost: {host}\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: {host}\r\nHost: evil.example\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET /\r\n",
    ],
)
def test_what_no_browser_sends_is_refused_without_a_word_of_it(
    raw: bytes, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    save_two(tmp_path)
    with serving(tmp_path) as client:
        sent = client.send(raw.replace(b"{host}", host(client).encode()))
        assert client.ask().status == 200
    for word in (b"<script>", b"evil", b"aaaa", b"yyyy", b"differs", b"Traceback", b"Error"):
        assert word not in sent
    assert capfd.readouterr() == ("", "")


def test_headers_keep_what_is_shown_to_itself(tmp_path: Path) -> None:
    save_two(tmp_path)
    with serving(tmp_path) as client:
        replies = [client.ask(), client.ask("nothing"), client.ask(audits(client)[0])]
    for reply in replies:
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        assert reply.headers["Referrer-Policy"] == "no-referrer"
        assert reply.headers["Cache-Control"] == "no-store"
        assert reply.headers["Content-Type"] == "text/html; charset=utf-8"
        policy = reply.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; ")
        assert "connect-src" not in policy
        assert "Python" not in reply.headers["Server"]
    own, _, audit = (reply.headers["Content-Security-Policy"] for reply in replies)
    assert "script-src" not in own
    assert "frame-ancestors 'none'" in own
    assert "sandbox allow-scripts" in audit
    assert "allow-same-origin" not in audit


def test_hostile_names_and_results_are_shown_as_text(tmp_path: Path) -> None:
    name = HOSTILE.replace("/", "_")
    save(tmp_path / name / "result.json", HOSTILE)
    save(tmp_path / "\x1b[31m\u202e.json", "plain")
    (tmp_path / "<img src=x>").mkdir()
    (tmp_path / "<img src=x>" / "result.json").write_text("{<b>")
    bytes_name = bytes(tmp_path) + b"/\xff.json"
    Path(str(bytes_name, "utf-8", "surrogateescape")).write_bytes(
        (tmp_path / name / "result.json").read_bytes()
    )
    with serving(tmp_path) as client:
        first, second = choose(client)
        pages = [client.ask().text, client.ask(f"pair?a={first}&b={second}").text]
        shown = len(audits(client))
    for page in pages:
        body = page.partition("<body>")[2]
        for word in ("<script", "<img", "<b>", "\x1b", "\u202e"):
            assert word not in body
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&#x27;&quot;&amp;" in pages[0]
    assert "&lt;img src=x&gt;/result.json" in pages[0]
    assert r"\x1b[31m\u202e.json" in pages[0]
    assert r"\udcff.json" in pages[0]
    assert shown == 3


def test_a_fault_of_ours_is_told_in_the_terminal_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_two(tmp_path)

    def render(result: AuditResult, folder: Path) -> str:
        raise RuntimeError("something private")

    with serving(tmp_path, render) as client:
        reply = client.ask(audits(client)[0])
        assert client.ask().status == 200
    assert reply.status == 500
    assert "private" not in reply.text
    assert "RuntimeError: something private" in capsys.readouterr().err


def test_while_a_page_is_rendered_the_list_is_answered(tmp_path: Path) -> None:
    save_two(tmp_path)
    begun, go_on = threading.Event(), threading.Event()

    def render(result: AuditResult, folder: Path) -> str:
        begun.set()
        assert go_on.wait(30)
        return show_headline(result, folder)

    replies = []
    with serving(tmp_path, render) as client:
        path = audits(client)[0]
        threads = []
        for _ in range(3):
            threads.append(threading.Thread(target=lambda: replies.append(client.ask(path).text)))
            threads[-1].start()
        assert begun.wait(30)
        assert client.ask().status == 200
        go_on.set()
        for thread in threads:
            thread.join()
    assert len(replies) == 3
    assert len(set(replies)) == 1


def test_five_hundred_audits_are_listed(tmp_path: Path) -> None:
    save(tmp_path / "0.json")
    text = (tmp_path / "0.json").read_bytes()
    for number in range(1, 500):
        (tmp_path / f"{number}.json").write_bytes(text)
    with serving(tmp_path) as client:
        assert len(set(audits(client))) == 500
        assert "500 audits" in client.ask().text


def test_the_end_does_not_wait_for_who_says_nothing(tmp_path: Path) -> None:
    before = threading.active_count()
    with serving(tmp_path) as client:
        silent = HTTPConnection(ADDRESS, client.server.server_port)
        silent.connect()
        assert isinstance(silent.sock, socket.socket)
        silent.sock.sendall(b"GET / HTTP/1.1\r\n")
        assert client.ask().status == 200
    assert threading.active_count() == before
    assert silent.sock.recv(1) == b""
    silent.close()


def test_only_the_loopback_address_is_bound(tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        assert client.server.socket.getsockname()[0] == "127.0.0.1"
