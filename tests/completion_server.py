"""A server in OpenAI's form around a small model, on the loopback, for tests.

Requests that arrive within a few milliseconds are computed as one batch. With `depends_on_batch`
the sums of the model are parted by the size of the batch, as kernels do that are chosen by shape.
"""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import torch

_LETTERS = "abcdefghijklmnopqrstuvwxyz ."
_WIDTH = 256
_TOGETHER_S = 0.04


class Model:
    """Writes letters after a text: the likeliest one each time."""

    def __init__(self, *, depends_on_batch: bool) -> None:
        random = torch.Generator().manual_seed(0)
        self._embedding = torch.randn(256, _WIDTH, generator=random)
        self._hidden = torch.randn(_WIDTH, _WIDTH, generator=random) / 16
        self._output = torch.randn(_WIDTH, len(_LETTERS), generator=random) / 4
        self._depends_on_batch = depends_on_batch

    def answer(self, texts: Sequence[str], tokens: int) -> list[list[tuple[str, float]]]:
        """Return the letters after each text, with their log-probabilities."""
        found: list[list[tuple[str, float]]] = [[] for _ in texts]
        with torch.no_grad():
            states = torch.stack([self._read(text) for text in texts])
            for _ in range(tokens):
                parts = len(texts) if self._depends_on_batch else 1
                rows = [self._step(state, parts) for state in states]
                states = torch.stack([state for state, _ in rows])
                for letters, (_, scores) in zip(found, rows, strict=True):
                    logprobs = torch.log_softmax(scores, 0)
                    place = int(logprobs.argmax())
                    letters.append((_LETTERS[place], float(logprobs[place])))
        return found

    def _read(self, text: str) -> torch.Tensor:
        state = torch.zeros(_WIDTH)
        for number in text.encode():
            state = torch.tanh(state * 0.5 + self._embedding[number])
        return state

    def _step(self, state: torch.Tensor, parts: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Multiply one row; the sums are made of so many parts."""
        products = state[:, None] * self._hidden
        total = torch.zeros(_WIDTH)
        for part in products.chunk(parts):
            total = total + part.sum(0)
        after = torch.tanh(total * 3)
        return after, after @ self._output


@dataclass(slots=True)
class _Waiting:
    text: str
    tokens: int
    done: threading.Event = field(default_factory=threading.Event)
    letters: list[tuple[str, float]] = field(default_factory=list)


class Faults:
    """What the server does wrong from request number `after` on: see `_Handler`."""

    def __init__(self, kind: str = "", after: int = 0) -> None:
        self.kind = kind
        self.after = after


class CompletionServer(ThreadingHTTPServer):
    """Answers until it is shut down. `batches` are the sizes that were computed, in order."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, model: Model, faults: Faults, *, gives_logprobs: bool) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.model = model
        self.faults = faults
        self.gives_logprobs = gives_logprobs
        self.batches: list[int] = []
        self.paths: list[str] = []
        self.keys: set[str | None] = set()  # what requests were authorised by
        self.release = threading.Event()  # what hangs goes on
        self._count = threading.Lock()
        self._asked = 0
        self._waiting: queue.Queue[_Waiting | None] = queue.Queue()
        self._worker = threading.Thread(target=self._compute)
        self._worker.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def complete(self, text: str, tokens: int) -> list[tuple[str, float]]:
        waiting = _Waiting(text, tokens)
        self._waiting.put(waiting)
        waiting.done.wait()
        return waiting.letters

    def next_fault(self) -> str:
        """Return what is to go wrong with this request."""
        with self._count:
            self._asked += 1
            return self.faults.kind if self._asked > self.faults.after else ""

    def _compute(self) -> None:
        first = self._waiting.get()
        while first is not None:
            batch = [first]
            following: _Waiting | None = None
            is_over = False
            while True:
                try:
                    following = self._waiting.get(timeout=_TOGETHER_S)
                except queue.Empty:
                    break
                if following is None:
                    is_over = True
                    break
                batch.append(following)
            self.batches.append(len(batch))
            tokens = max(one.tokens for one in batch)
            for one, letters in zip(
                batch, self.model.answer([one.text for one in batch], tokens), strict=True
            ):
                one.letters = letters[: one.tokens]
                one.done.set()
            first = None if is_over else self._waiting.get()

    def close(self) -> None:
        self.release.set()
        self._waiting.put(None)
        self._worker.join()


class _Handler(BaseHTTPRequestHandler):
    server: CompletionServer

    def log_message(self, *words: Any) -> None:
        pass

    def do_GET(self) -> None:
        self.server.paths.append(self.path)
        self.server.keys.add(self.headers["Authorization"])
        self._send(200, {"data": [{"id": "small"}]})

    def do_POST(self) -> None:
        self.server.paths.append(self.path)
        self.server.keys.add(self.headers["Authorization"])
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        fault = self.server.next_fault()
        if body["model"] != "small":
            self._send(404, {"error": {"message": f"there is no model {body['model']}"}})
        elif fault.isdecimal():
            self._send(int(fault), {"error": {"message": "not now"}})
        elif fault == "redirect":
            self.send_response(307)
            self.send_header("Location", "http://127.0.0.1:9/v1/completions")
            self.end_headers()
        elif fault == "text":
            self._write(200, b"<html>hello</html>")
        elif fault == "form":
            self._send(200, {"choices": []})
        elif fault == "cut":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b'{"choices"')
        elif fault == "hang":
            self.server.release.wait()
        elif fault == "slow header":
            self._send_slowly()
        elif fault == "chunks":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b'5\r\n{"cho\r\nno number\r\n')
        elif fault == "deep":
            self._write(200, b"[" * 100_000)
        elif fault == "key":
            said = f"Incorrect key: {self.headers['Authorization']}"
            self._send(401, {"error": {"message": said}})
        elif body.get("logprobs") and fault == "no logprobs":
            self._send(400, {"error": {"message": "logprobs are not supported"}})
        else:
            self._send(200, self._answer(body))

    def _answer(self, body: Any) -> Any:
        is_chat = self.path.endswith("/chat/completions")
        text = body["messages"][0]["content"] if is_chat else body["prompt"]
        letters = self.server.complete(text, body["max_tokens"])
        written = "".join(letter for letter, _ in letters)
        choice: dict[str, Any] = {"finish_reason": "length"}
        if is_chat:
            choice["message"] = {"role": "assistant", "content": written}
            given: Any = {"content": [{"token": one, "logprob": value} for one, value in letters]}
        else:
            choice["text"] = written
            given = {
                "tokens": [letter for letter, _ in letters],
                "token_logprobs": [value for _, value in letters],
            }
        if body.get("logprobs") and self.server.gives_logprobs:
            choice["logprobs"] = given
        return {"choices": [choice]}

    def _send_slowly(self) -> None:
        """Send a header that never ends, each part of it sooner than a socket gives up."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while not self.server.release.wait(0.05):
            self.wfile.write(b"X-Wait: 1\r\n")

    def _send(self, status: int, document: Any) -> None:
        self._write(status, json.dumps(document).encode())

    def _write(self, status: int, text: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


@contextmanager
def serve_completions(
    *,
    depends_on_batch: bool = False,
    fault: str = "",
    after: int = 0,
    gives_logprobs: bool = True,
) -> Iterator[CompletionServer]:
    """Serve within; what `fault` names goes wrong after so many answers."""
    model = Model(depends_on_batch=depends_on_batch)
    server = CompletionServer(model, Faults(fault, after), gives_logprobs=gives_logprobs)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.close()
        server.shutdown()
        thread.join()
        server.server_close()
