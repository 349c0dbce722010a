"""Error codes of what stands beside an audit: the atlas, the gate, manifests and trackers."""

from __future__ import annotations

SERVICE_ERRORS = {
    "atlas-cell": (
        "A cell of the atlas is named device/op/dtype/size/tN/phase, as its page and its log name "
        "it. The op, the dtype or a gradient for it may be missing in this version of PyTorch."
    ),
    "atlas-device": "The atlas was asked for on a device that this torch does not see.",
    "atlas-empty": (
        "No operator of PyTorch's op_db fits what was asked for, so nothing was swept. That is no "
        "success."
    ),
    "atlas-environment": (
        "A sweep goes on in the environment in which it was begun. Cells of another torch, "
        "processor or device belong into another folder."
    ),
    "atlas-log": (
        "The log of a sweep holds a line that no sweep writes, or another version of its format. "
        "A last line that was cut off is dropped without an error."
    ),
    "atlas-worker": (
        "The process that calls the operators ended before it came to the first cell. What it "
        "wrote last stands in the message; usually op_db could not be imported."
    ),
    "baseline-conflict": (
        "The baseline file holds the marks of a merge that was not finished. Keep the entries "
        "that both sides have; the next `reproaudit ci` says what is missing."
    ),
    "baseline-corrupt": (
        "The baseline file is not what `reproaudit ci --update-baseline` writes. It is read "
        "strictly: an entry that is misspelt would accept nothing, or the wrong thing."
    ),
    "baseline-incomplete": (
        "A baseline can only shrink once it is there, so it is not made while some subjects are "
        "left out or could not be audited."
    ),
    "baseline-version": (
        "The baseline was written under another version of its format. Use the reproaudit that "
        "wrote it, or delete the file and make it again."
    ),
    "baseline-write": (
        "The baseline file could not be written. The audits are done, and the old file is as it "
        "was."
    ),
    "endpoint-address": (
        "The address of a server begins with http:// or https:// and ends before /completions, as "
        "in http://127.0.0.1:8000/v1. A name or a password in it would stand in reports."
    ),
    "endpoint-answer": (
        "What the server answered is not JSON of OpenAI's form. The start of it stands in the "
        "message. An address without /v1, or the wrong one of the two APIs (--chat), are the "
        "usual reasons."
    ),
    "endpoint-cut": (
        "The server closed the connection before its answer was whole. What was answered until "
        "then is compared."
    ),
    "endpoint-interrupted": (
        "The asking of a server was interrupted. What was answered until then is compared."
    ),
    "endpoint-key": (
        "The variable that --api-key-env names is empty, or holds more than visible ASCII "
        "characters. The key is read from a variable alone, so that it stands in no list of "
        "processes, no history of a shell and no report."
    ),
    "endpoint-model": (
        "A server that has several models, or does not list its models, has to be told which one "
        "is meant, with --model."
    ),
    "endpoint-prompts": (
        "The file of --prompts holds a prompt in each line, or, if its name ends in .jsonl, an "
        "object with the field `prompt`."
    ),
    "endpoint-refused": (
        "The server answered with an HTTP status that is none of success; what it said stands in "
        "the message. 404: the model or the address; 429: it takes fewer requests at once. "
        "Redirects are not followed, for only the named host is asked."
    ),
    "endpoint-timeout": (
        "An answer was not whole within --timeout seconds. A server may keep requests waiting that "
        "do not fit into a batch."
    ),
    "endpoint-unreachable": (
        "No connection to the server could be made: it is not up, or it has another address."
    ),
    "endpoint-variation": (
        "Of a server only the number of requests can be varied that it has at once: --vary "
        "batch=1,2,8."
    ),
    "manifest-corrupt": (
        "The file is no manifest, or one that somebody changed: it is read strictly. Make it "
        "again with `reproaudit manifest --out FILE`."
    ),
    "manifest-unreadable": "A manifest is a file that `reproaudit manifest --out FILE` wrote.",
    "manifest-version": (
        "The manifest was written under another version of its format. Make it again, or use the "
        "reproaudit that wrote it."
    ),
    "manifest-write": (
        "The manifest, or the Dockerfile from it, cannot be written there: permissions, or a full "
        "disk."
    ),
    "serve-folder": "What `reproaudit serve` was to show is no folder, or may not be read.",
    "serve-port": "The port is in use, or only root may have it. Without --port a free one is had.",
    "track-failed": (
        "A tracker did not take the result: it is down, full, too old, or does not know who asks; "
        "what its library said is in the message. The answer, the reports and the exit code stand. "
        "A saved result.json is logged later by `reproaudit report result.json --track NAME`."
    ),
    "tracked-run-unreadable": (
        "The tracker has no such run, or does not answer; what its library said is in the message."
    ),
    "tracker-unknown": (
        "No tracker has this name, or, where `reproaudit.track.log` was given none, none has a run "
        "under way in the process."
    ),
}
