"""Asks an OpenAI-style server: one completion at a time, and nothing but the host that is named.

No proxy of the environment is used, and no redirect is followed: a key goes to no other host.
"""

from __future__ import annotations

import http.client
import json
import socket
import struct
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import Any

from reproaudit.errors import SubjectError, UsageError

_MOST_BYTES = 64 << 20  # of one answer
_CHUNK = 1 << 16
_GRACE_S = 1.0  # a server that is only slow is told as such by the socket
_SHOWN = 200  # characters of what a server says
# What reading an answer raises that is of another form, whatever stands in its places.
_NOT_OF_FORM = (AttributeError, LookupError, OverflowError, TypeError, ValueError, struct.error)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointOptions:
    """Where to ask, and what every request has. `url` ends before `/completions`.

    `tokens` are the most that an answer may have, `timeout_s` is for one answer. `key` is sent with
    each request, and is left out of what messages quote of a server; "" for none.
    """

    url: str
    model: str = ""
    is_chat: bool = False
    tokens: int = 32
    seed: int = 0
    timeout_s: float = 120.0
    key: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server answered: equal only if every bit of the probabilities is.

    `logprobs` are those of the tokens as eight bytes each; both are empty if the server gives none.
    """

    text: str
    tokens: tuple[str, ...] = ()
    logprobs: tuple[bytes, ...] = ()
    ending: str = ""

    @property
    def numbers(self) -> tuple[float, ...]:
        """The log-probabilities of the tokens."""
        return tuple(struct.unpack(">d", one)[0] for one in self.logprobs)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        """Follow none: another host was not named."""


class Endpoint:
    """Asks one server. `gives_logprobs` is known once it was asked: it may refuse to give any."""

    def __init__(self, options: EndpointOptions) -> None:
        self.options = options
        self.model = options.model
        self.gives_logprobs = True
        handlers = (urllib.request.ProxyHandler({}), _NoRedirects())
        self._opener = urllib.request.build_opener(*handlers)

    def find_model(self) -> str:
        """Return the model that is asked; if none was named, the only one that the server has."""
        if not self.model:
            document = self._exchange("/models", None)
            names = [str(one["id"]) for one in _list_models(document)]
            if len(names) != 1:
                shown = ", ".join(names[:10]) or "none"
                raise UsageError(
                    f"{self.options.url} has {len(names)} models, and none was named",
                    code="endpoint-model",
                    hint=f"name one with --model: {shown}",
                )
            self.model = names[0]
        return self.model

    def try_logprobs(self, prompt: str) -> None:
        """Ask once, and again without probabilities if the server refuses to give them."""
        try:
            answer = self.ask(prompt)
        except RequestRefused as error:
            if error.status not in (400, 422):
                raise
            self.gives_logprobs = False
            answer = self.ask(prompt)
        self.gives_logprobs = bool(answer.logprobs)

    def ask(self, prompt: str) -> Answer:
        """Return the answer to one prompt, at temperature 0. Raises SubjectError."""
        options = self.options
        body: dict[str, Any] = {
            "model": self.model,
            "max_tokens": options.tokens,
            "temperature": 0,
            "seed": options.seed,
        }
        if options.is_chat:
            body["messages"] = [{"role": "user", "content": prompt}]
        else:
            body["prompt"] = prompt
        if self.gives_logprobs:
            body["logprobs"] = True if options.is_chat else 1
        path = "/chat/completions" if options.is_chat else "/completions"
        document = self._exchange(path, body)
        try:
            return _read_answer(document)
        except _NOT_OF_FORM:
            raise self._fail(
                f"{path} gives no answer of OpenAI's form: {self._quote(json.dumps(document))}",
                code="endpoint-answer",
                hint="--chat asks /chat/completions; without it, /completions is asked",
            ) from None

    def _exchange(self, path: str, body: dict[str, Any] | None) -> Any:
        """Send JSON, or nothing, and return the JSON that comes back."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self.options.key:
            headers["Authorization"] = f"Bearer {self.options.key}"
        request = urllib.request.Request(self.options.url + path, data, headers)
        text = self._send_in_time(request, path)
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            raise self._fail(
                f"{path} gives no JSON: {self._quote(text.decode('utf-8', 'replace'))}",
                code="endpoint-answer",
                hint="the address ends before /completions, as in http://127.0.0.1:8000/v1",
            ) from None

    def _send_in_time(self, request: urllib.request.Request, path: str) -> bytes:
        """Send a request from a thread of its own: a server that sends a byte of its header now and
        then would be waited for without end."""
        ends: list[bytes | BaseException] = []

        def send() -> None:
            try:
                ends.append(self._send(request, path))
            except BaseException as error:
                ends.append(error)

        thread = threading.Thread(target=send, daemon=True)
        thread.start()
        thread.join(self.options.timeout_s + _GRACE_S)
        if not ends:
            raise self._time_out(path)
        if isinstance(ends[0], BaseException):
            raise ends[0]
        return ends[0]

    def _send(self, request: urllib.request.Request, path: str) -> bytes:
        timeout_s = self.options.timeout_s
        end_s = time.monotonic() + timeout_s
        try:
            with self._opener.open(request, timeout=timeout_s) as response:
                return self._read(response, end_s, path)
        except urllib.error.HTTPError as error:
            with error:
                raise self._word_status(error, path) from None
        except TimeoutError:
            raise self._time_out(path) from None
        except urllib.error.URLError as error:
            if isinstance(error.reason, TimeoutError):
                raise self._time_out(path) from None
            raise self._fail(
                f"it cannot be reached: {_word_reason(error.reason)}",
                code="endpoint-unreachable",
                hint="is the server up, and is this its address?",
            ) from None
        except (http.client.HTTPException, OSError) as error:
            raise self._fail(
                f"{path}: the answer was cut off: {_word_reason(error)}",
                code="endpoint-cut",
                hint="the server ended, or closed the connection: its log says why",
            ) from None

    def _read(self, response: http.client.HTTPResponse, end_s: float, path: str) -> bytes:
        """Read to the end. A server that sends a byte now and then runs out of time as well."""
        parts: list[bytes] = []
        size = 0
        while True:
            part = response.read1(_CHUNK)
            if not part:
                break
            parts.append(part)
            size += len(part)
            if size > _MOST_BYTES:
                raise self._fail(
                    f"{path} answers with more than {_MOST_BYTES >> 20} MiB",
                    code="endpoint-answer",
                    hint="ask for fewer tokens with --max-tokens",
                )
            if time.monotonic() > end_s:
                raise self._time_out(path)
        # `read1` does not say so itself.
        if response.length:
            raise http.client.IncompleteRead(b"", response.length)
        return b"".join(parts)

    def _quote(self, said: str) -> str:
        """Return the beginning of what a server says, without the key: some repeat it where they
        refuse it."""
        # Only what is quoted: a key may be a word, as "token", which answers are made of.
        key = self.options.key
        return _shorten(said.replace(key, "***") if key else said)

    def _word_status(self, error: urllib.error.HTTPError, path: str) -> SubjectError:
        said = ""
        try:
            said = self._quote(_find_message(error.read(_CHUNK)))
        except (OSError, http.client.HTTPException):
            said = "and the rest of its answer was cut off"
        hints = {
            401: "name the variable that holds the key: --api-key-env NAME",
            404: "is the model's name right (--model), and the address (…/v1)?",
            429: "it takes fewer requests at once: leave out the largest batch, or raise its limit",
        }
        message = f"{self.options.url}{path} answers {error.code} {self._quote(error.reason)}"
        return RequestRefused(
            f"{message}: {said}" if said else message,
            status=error.code,
            hint=hints.get(error.code, "the server's log says more"),
        )

    def _time_out(self, path: str) -> SubjectError:
        return self._fail(
            f"{path} did not answer within {self.options.timeout_s:g} s",
            code="endpoint-timeout",
            hint="--timeout gives it longer, --max-tokens asks for less",
        )

    def _fail(self, said: str, *, code: str, hint: str) -> SubjectError:
        return SubjectError(f"{self.options.url}: {said}", code=code, hint=hint)


class RequestRefused(SubjectError):
    """The server answered with a status that is none of success."""

    def __init__(self, message: str, *, status: int, hint: str) -> None:
        super().__init__(message, code="endpoint-refused", hint=hint)
        self.status = status


def _list_models(document: Any) -> list[Any]:
    try:
        return [one for one in document["data"] if isinstance(one, dict) and "id" in one]
    except (KeyError, TypeError):
        return []


def _read_answer(document: Any) -> Answer:
    """Return the answer of either form. Raises one of _NOT_OF_FORM for all else."""
    choice = document["choices"][0]
    text = choice["message"]["content"] if "message" in choice else choice["text"]
    if not isinstance(text, str):
        raise TypeError
    given = choice.get("logprobs") or {}
    if given.get("content"):
        tokens = [one["token"] for one in given["content"]]
        numbers = [one["logprob"] for one in given["content"]]
    else:
        tokens = given.get("tokens") or []
        numbers = given.get("token_logprobs") or []
    # The first token of a text that is echoed has none.
    packed = [struct.pack(">d", float("nan") if one is None else one) for one in numbers]
    if len(packed) != len(tokens):
        raise ValueError
    ending = choice.get("finish_reason") or ""
    return Answer(text, tuple(map(str, tokens)), tuple(packed), str(ending))


def _find_message(body: bytes) -> str:
    """Return what a server says of an error, in OpenAI's form or in its own."""
    text = body.decode("utf-8", "replace")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if isinstance(document, dict):
        error = document.get("error", document)
        if isinstance(error, dict) and error.get("message"):
            return str(error["message"])
    return text


def _word_reason(reason: object) -> str:
    if isinstance(reason, socket.gaierror):
        return "there is no host of that name"
    if isinstance(reason, OSError) and reason.strerror:
        return reason.strerror
    return _shorten(str(reason)) or type(reason).__name__


def _shorten(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"
