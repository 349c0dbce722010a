"""`reproaudit vary --endpoint` finds what differs in a server whose answers depend on the batch,
and nothing in one whose answers do not.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reproaudit.cli.main import main
from reproaudit.track.apart import Attempt
from tests.completion_server import serve_completions

PROMPTS = "The sea\nA train leaves\nOne two three and so on\n"


def ask(
    folder: Path, url: str, *words: str, requests: int = 8, tokens: int = 8
) -> tuple[int, dict[str, Any]]:
    """Return the exit code and the result; an empty one if there is none."""
    prompts = folder / "prompts.txt"
    prompts.write_text(PROMPTS)
    report = folder / "result.json"
    usual = ["--prompts", str(prompts), "--requests", str(requests), "--quiet", "--timeout", "60"]
    usual += ["--max-tokens", str(tokens), "--report", f"json={report}"]
    code = main(["vary", "--endpoint", url, *usual, *words])
    return code, json.loads(report.read_text()) if report.exists() else {}


def by_setting(result: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {f"{one['name']}={one['value']}": one for one in result["variations"]}


def test_a_server_that_computes_each_row_alone_gives_one_answer_to_each_prompt(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serve_completions() as server:
        code, result = ask(tmp_path, server.url, "--vary", "batch=1,4")
    assert (code, result["verdict"], result["question"]) == (0, "reproducible", "vary")
    # It did compute several requests at once.
    assert max(server.batches) > 1
    found = by_setting(result)
    assert list(found) == [
        f"endpoint.{mode}={size}" for mode in ("single", "mixed", "prefix") for size in (1, 4)
    ]
    assert {one["dependence"] for one in found.values()} == {"none"}
    assert found["endpoint.single=4"]["why"] == "8 answers to one prompt, 1 unique"
    assert found["endpoint.mixed=4"]["why"] == "8 answers to 3 prompts, 3 unique"
    said = capsys.readouterr().out
    assert said.startswith("equal: 6 variations change nothing")
    assert "endpoint.single=1 and 4: 8 answers to one prompt, 1 unique" in said
    assert "endpoint.mixed=1 and 4: 8 answers to 3 prompts, 3 unique" in said
    assert set(server.paths) == {"/v1/models", "/v1/completions"}


def test_the_control_whose_sums_depend_on_the_batch_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serve_completions(depends_on_batch=True) as server:
        code, result = ask(tmp_path, server.url, "--vary", "batch=1,2", "--vary", "batch=4")
    assert (code, result["verdict"]) == (1, "not-reproducible")
    said = capsys.readouterr().out
    found = by_setting(result)
    for mode in ("single", "mixed", "prefix"):
        assert found[f"endpoint.{mode}=1"]["dependence"] == "none"
        one = found[f"endpoint.{mode}=4"]
        assert one["dependence"] == "unexplained"
        assert one["tensor"].startswith("token ")
        assert one["tensors"] > 0
        assert one["difference"]["max_abs"] > 0
        assert f"the first of {one['tensors']} answers" in said or one["tensors"] == 1
    # It is the same in each batch of four, and another one alone.
    assert found["endpoint.single=4"]["why"].startswith("8 answers to one prompt, ")
    assert "1 unique" not in found["endpoint.single=4"]["why"]
    codes = [note["code"] for note in result["not_checked"]]
    assert codes == ["operator-not-located", "batches-unseen"]
    assert "endpoint.single" in said
    assert "are not the one alone, the first" in said
    # Alone, a prompt gets one answer.
    assert result["classes"][0][:2] == [0, 1]


def test_the_other_api_is_asked_where_that_is_wanted(tmp_path: Path) -> None:
    with serve_completions(depends_on_batch=True) as server:
        words = ("--vary", "batch=4", "--chat", "--model", "small")
        code, result = ask(tmp_path, server.url + "/", *words)
    assert code == 1
    assert set(server.paths) == {"/v1/chat/completions"}
    assert by_setting(result)["endpoint.single=4"]["difference"]["elements"] > 0


@pytest.mark.parametrize("fault", ["", "no logprobs"])
def test_without_probabilities_texts_are_compared_and_that_is_said(
    tmp_path: Path, fault: str
) -> None:
    with serve_completions(gives_logprobs=False, fault=fault) as server:
        code, result = ask(tmp_path, server.url, "--vary", "batch=2", requests=4)
    assert code == 0
    assert result["not_checked"][0]["code"] == "values-not-kept"


@pytest.mark.parametrize(
    ("fault", "code", "said"),
    [
        ("404", "endpoint-refused", "answers 404 Not Found: not now"),
        ("429", "endpoint-refused", "answers 429 Too Many Requests: not now"),
        ("500", "endpoint-refused", "answers 500 Internal Server Error: not now"),
        ("redirect", "endpoint-refused", "answers 307"),
        ("text", "endpoint-answer", "gives no JSON: <html>hello</html>"),
        ("form", "endpoint-answer", "gives no answer of OpenAI's form"),
        ("cut", "endpoint-cut", "was cut off"),
        ("chunks", "endpoint-cut", "was cut off"),
        ("deep", "endpoint-answer", "gives no JSON: [[["),
        ("hang", "endpoint-timeout", "did not answer within 0.2 s"),
        ("slow header", "endpoint-timeout", "did not answer within 0.2 s"),
    ],
)
def test_what_goes_wrong_at_once_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], fault: str, code: str, said: str
) -> None:
    with serve_completions(fault=fault) as server:
        words = ("--timeout", "0.2") if code == "endpoint-timeout" else ()
        ended, result = ask(tmp_path, server.url, "--vary", "batch=2", *words)
    assert (ended, result) == (2, {})
    lines = capsys.readouterr().err.splitlines()
    assert len([line for line in lines if not line.startswith("  hint: ")]) == 1
    assert said in lines[0]
    assert lines[0].endswith(f"[{code}]")


def test_what_was_answered_before_it_went_wrong_is_kept_and_is_no_success(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "answers"
    # One to look for probabilities, then five texts alone, twice.
    with serve_completions(fault="500", after=15) as server:
        words = ("--vary", "batch=2", "--out", str(out))
        code, result = ask(tmp_path, server.url, *words)
    assert (code, result["verdict"]) == (2, "not-audited")
    kept = [json.loads(line) for line in (out / "answers.jsonl").read_text().splitlines()]
    assert len(kept) == 14
    assert kept[0]["prompt"] == "The sea"
    assert len(kept[0]["tokens"]) == len(kept[0]["logprobs"]) == 8
    found = by_setting(result)
    assert found["endpoint.mixed=2"]["dependence"] == "not-tried"
    assert result["not_checked"][0]["code"] == "audit-ended"
    assert "answers 500" in capsys.readouterr().err


def test_a_difference_that_was_seen_before_it_went_wrong_stands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serve_completions(depends_on_batch=True, fault="429", after=19) as server:
        code, result = ask(tmp_path, server.url, "--vary", "batch=4")
    assert (code, result["verdict"]) == (1, "not-reproducible")
    assert "answers 429" in capsys.readouterr().err


def test_a_key_is_sent_with_each_request_and_stands_nowhere_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", "sk-secret-7")
    words = ("--vary", "batch=2", "--api-key-env", "MY_KEY", "--out", str(tmp_path / "answers"))
    with serve_completions() as server:
        code, _ = ask(tmp_path, server.url, *words, requests=2)
    assert (code, server.keys) == (0, {"Bearer sk-secret-7"})
    with serve_completions(fault="key") as server:
        assert ask(tmp_path, server.url, *words)[0] == 2
    captured = capsys.readouterr()
    assert "answers 401 Unauthorized: Incorrect key: Bearer ***" in captured.err
    written = [file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()]
    assert not any(b"sk-secret" in content for content in written)
    assert "sk-secret" not in captured.out + captured.err


def test_a_key_that_is_a_word_of_every_answer_leaves_answers_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", "logprobs")
    with serve_completions() as server:
        code, result = ask(tmp_path, server.url, "--vary", "batch=2", "--api-key-env", "MY_KEY")
    assert code == 0
    # Had the word been taken out, there would be no probabilities.
    assert "values-not-kept" not in [note["code"] for note in result["not_checked"]]


@pytest.mark.parametrize("value", [None, "", "two\nlines", "schlüssel"])
def test_a_variable_that_holds_no_key_is_refused(
    value: str | None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MY_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("MY_KEY", value)
    url = "http://127.0.0.1:1/v1"
    assert main(["vary", "--endpoint", url, "--api-key-env", "MY_KEY"]) == 2
    assert "[endpoint-key]" in capsys.readouterr().err


def test_a_tracker_is_told_of_a_server(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, str]] = []

    def log_apart(results: Any, wanted: Any, accepted: Any) -> Attempt:
        told.append((wanted.tracker, results[0].question.value))
        return Attempt()

    monkeypatch.setattr("reproaudit.track.apart.log_apart", log_apart)
    with serve_completions() as server:
        ask(tmp_path, server.url, "--vary", "batch=1", "--track", "mlflow", requests=1)
    assert told == [("mlflow", "vary")]


def test_a_model_that_is_not_there_and_a_server_that_is_not_up_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serve_completions() as server:
        assert ask(tmp_path, server.url, "--model", "large")[0] == 2
        url = server.url
    assert "answers 404 Not Found: there is no model large" in capsys.readouterr().err
    assert ask(tmp_path, url)[0] == 2
    assert "cannot be reached: Connection refused" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--endpoint", "127.0.0.1:8000"], "is no address of a server [endpoint-address]"),
        (["--endpoint", "http://me:secret@127.0.0.1:8000"], "holds a name or a password"),
        (["--endpoint", "http://127.0.0.1:1/v1", "--vary", "threads=1"], "[endpoint-variation]"),
        (["--endpoint", "http://127.0.0.1:1/v1", "--vary", "batch=0"], "a batch cannot be '0'"),
        (["--endpoint", "http://127.0.0.1:1/v1", "train.py"], "both a server and a program"),
        (
            ["--endpoint", "http://127.0.0.1:1/v1", "--prompts", "nowhere.txt"],
            "cannot read prompts from nowhere.txt: No such file",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_asked(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["vary", *words]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "secret" not in error
