"""How a subject is named on the command line, in a project and in a lock, and what it then is."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from reproaudit.codec import Malformed, expect
from reproaudit.config.command import is_command, read_python
from reproaudit.config.notebook import SUFFIX, read_notebook
from reproaudit.errors import UsageError, did_you_mean

_DTYPES = (
    "float16",
    "bfloat16",
    "float32",
    "float64",
    "complex64",
    "complex128",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "bool",
)
_ALIASES = {
    "half": "float16",
    "float": "float32",
    "double": "float64",
    "int": "int32",
    "long": "int64",
}
_INPUT = re.compile(r"\s*([A-Za-z_]\w*)\s*\[([0-9\s,]*)\]\s*")
_SIZE = re.compile(r"[0-9]{1,18}")
_SCRIPTS_SHOWN = 8
_MODULE_PREFIX = "-m "
_INPUT_HINT = (
    "write it as float32[8,3,32,32]; a scalar is float32[]. FILE.py::NAME makes them, FILE.pt "
    "holds them"
)
_INPUTS_SUFFIX = ".pt"


class SubjectKind(str, Enum):
    """What kind of thing is run.

    SCRIPT and MODULE run as `__main__`. ATTRIBUTE is a callable or an `nn.Module`, told apart only
    where it is loaded. COMMAND starts processes of which some are Python: a launcher, a shell
    script. PYTEST is a test: `path::attribute` is its node id, `argv` are further options of
    pytest. NOTEBOOK is executed from its first cell to its last.
    """

    SCRIPT = "script"
    MODULE = "module"
    COMMAND = "command"
    ATTRIBUTE = "attribute"
    PYTEST = "pytest"
    NOTEBOOK = "notebook"


@dataclass(frozen=True, slots=True)
class InputSpec:
    """One input of a module: the name of a torch dtype, and a shape."""

    dtype: str
    shape: tuple[int, ...]

    def __str__(self) -> str:
        sizes = ",".join(str(size) for size in self.shape)
        return f"{self.dtype}[{sizes}]"

    def to_plain(self) -> str:
        """Return the input as documents hold it, such as `float32[8,3]`."""
        return str(self)

    @classmethod
    def from_plain(cls, value: object) -> InputSpec:
        """Read what `to_plain` returned. Raises Malformed or UsageError."""
        found = parse_inputs(expect(value, str))
        if len(found) != 1:
            raise Malformed(f"expected one input, found {len(found)}")
        return found[0]


@dataclass(frozen=True, slots=True)
class SubjectSpec:
    """What to audit.

    One of `path` (as the user wrote it, relative to `cwd`), `module` (importable) and `program`
    (the first word of a command) is not empty. `attribute` may be dotted. `argv` leaves out the
    program's own name.
    """

    kind: SubjectKind
    cwd: Path
    path: str = ""
    module: str = ""
    attribute: str = ""
    argv: tuple[str, ...] = ()
    inputs: tuple[InputSpec, ...] = ()
    program: str = ""
    inputs_from: str = ""  # a file that holds them, or FILE.py::NAME of what makes them

    @property
    def input_words(self) -> tuple[str, ...]:
        """What the inputs are, as words of a command line."""
        return (self.inputs_from,) if self.inputs_from else tuple(map(str, self.inputs))

    @property
    def has_inputs(self) -> bool:
        """True if what an attribute is called with is given."""
        return bool(self.inputs or self.inputs_from)

    @property
    def file(self) -> Path:
        """The source file; without meaning for a subject given by module."""
        return self.cwd / self.path

    @property
    def is_command(self) -> bool:
        """True if what is started is no process of the program, but starts those."""
        return self.kind is SubjectKind.COMMAND

    @property
    def has_end(self) -> bool:
        """False for a training step, which is called as often as is wanted."""
        return self.kind is not SubjectKind.ATTRIBUTE

    @property
    def folder(self) -> Path:
        """The folder that locations are relative to.

        It is where the source file lies, and for a test where pytest was started.
        """
        if self.path and self.kind is not SubjectKind.PYTEST:
            return self.file.parent
        return self.cwd

    @property
    def lies_outside(self) -> bool:
        """True for a file that is not in the working directory, nor below it."""
        if not self.path:
            return False
        return not Path(os.path.abspath(self.file)).is_relative_to(os.path.abspath(self.cwd))

    @property
    def patch_folder(self) -> Path:
        """The folder that paths in a patch are relative to: `patch` refuses to leave it.

        It is the working directory, or for a file outside of that its own folder.
        """
        return self.folder if self.lies_outside else self.cwd

    @property
    def command(self) -> str:
        """The subject and its arguments, as they stand on the command line."""
        return " ".join((*self.words, *self.argv))

    @property
    def words(self) -> tuple[str, ...]:
        """What names the subject, as words of a command line."""
        if self.kind is SubjectKind.MODULE:
            return ("-m", self.module)
        return (str(self),)

    @property
    def shown_folder(self) -> str:
        """The folder that locations are relative to, from the working directory, as POSIX.

        "" for the directory itself and for a module.
        """
        if not self.path:
            return ""
        folder = os.path.relpath(self.folder, self.cwd)
        return "" if folder == "." else Path(folder).as_posix()

    def __str__(self) -> str:
        if self.kind in (SubjectKind.SCRIPT, SubjectKind.NOTEBOOK):
            return self.path
        if self.kind is SubjectKind.MODULE:
            return f"{_MODULE_PREFIX}{self.module}"
        if self.kind is SubjectKind.COMMAND:
            return self.program
        if self.path:
            return f"{self.path}::{self.attribute}"
        return f"{self.module}:{self.attribute}"


def parse_subject(
    text: str, argv: Sequence[str] = (), inputs: str | Sequence[str] = (), cwd: Path | None = None
) -> SubjectSpec:
    """Understand `train.py`, `-m package.module`, `file.py::name`, `package.module:name`, or a
    command such as `torchrun`; nothing is imported or run.

    Raises UsageError if a named file is not there or is no Python file. Whether the attribute
    exists, and what it is, shows only when the recorder loads it.
    """
    cwd = (cwd or Path()).absolute()
    inputs_from = _find_source_of_inputs(inputs, cwd)
    wanted = () if inputs_from else parse_inputs(inputs)
    runs_python = None
    if is_command(text, cwd):
        runs_python = read_python([text, *argv], cwd)
        if runs_python is None:
            _refuse_inputs(text, wanted or inputs_from)
            return SubjectSpec(SubjectKind.COMMAND, cwd, argv=tuple(argv), program=text)
    if runs_python is not None:
        text, argv = join_subject(runs_python)
    if text.startswith(_MODULE_PREFIX):
        _refuse_inputs(text, wanted or inputs_from)
        return _parse_module(text.removeprefix(_MODULE_PREFIX).strip(), argv, cwd)
    path, separator, attribute = text.partition("::")
    # A single colon parts a module from its attribute, unless a file has it in its name.
    if not separator and not os.path.exists(cwd / text):
        path, separator, attribute = text.partition(":")
    if not separator:
        _require_file(text, cwd)
        _refuse_inputs(text, wanted or inputs_from)
        if text.endswith(SUFFIX):
            return _take_notebook(text, argv, cwd)
        return SubjectSpec(kind=SubjectKind.SCRIPT, cwd=cwd, path=text, argv=tuple(argv))
    if separator == "::":
        _require_file(path, cwd)
        if path.endswith(SUFFIX):
            raise _bad_subject(text, f"a notebook is run as a whole: {path}")
    elif path.endswith(".py"):
        raise _bad_subject(text, f"write {path}::{attribute}")
    elif not _is_dotted_name(path):
        raise _bad_subject(text, "write train.py, file.py::name or package.module:name")
    if not _is_dotted_name(attribute):
        raise _bad_subject(
            text, "name a function or an nn.Module after the colons, such as train.py::train_step"
        )
    is_file = separator == "::"
    return SubjectSpec(
        kind=SubjectKind.ATTRIBUTE,
        cwd=cwd,
        path=path if is_file else "",
        module="" if is_file else path,
        attribute=attribute,
        argv=tuple(argv),
        inputs=wanted,
        inputs_from=inputs_from,
    )


def _find_source_of_inputs(texts: str | Sequence[str], cwd: Path) -> str:
    """Return the file, or the function, that inputs come from; "" if they are described.

    Raises UsageError if there is no such file.
    """
    text = texts if isinstance(texts, str) else " ".join(texts)
    text = text.strip()
    path, separator, attribute = text.partition("::")
    if not separator and not text.endswith(_INPUTS_SUFFIX):
        return ""
    if separator and not _is_dotted_name(attribute):
        raise _bad_input(text, _INPUT_HINT)
    if not os.path.isfile(cwd / path):
        raise UsageError(
            f"there is no file {path!r} to take inputs from",
            code="inputs-missing",
            hint=_INPUT_HINT,
        )
    return text


def join_subject(words: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Return the text that names a subject, and the subject's own words: `-m` takes the next."""
    named = 2 if words[0] == _MODULE_PREFIX.strip() and len(words) > 1 else 1
    return " ".join(words[:named]), tuple(words[named:])


def _parse_module(name: str, argv: Sequence[str], cwd: Path) -> SubjectSpec:
    if not _is_dotted_name(name):
        raise _bad_subject(f"-m {name}", "name a module after -m, such as -m package.train")
    return SubjectSpec(SubjectKind.MODULE, cwd, module=name, argv=tuple(argv))


def _take_notebook(path: str, argv: Sequence[str], cwd: Path) -> SubjectSpec:
    if argv:
        raise UsageError(
            f"the notebook {path!r} takes no arguments, and was given {argv[0]!r}",
            code="usage",
            hint="options of reproaudit stand before the notebook",
        )
    read_notebook(cwd / path)
    return SubjectSpec(SubjectKind.NOTEBOOK, cwd, path=path)


def _refuse_inputs(text: str, wanted: Sequence[InputSpec] | str) -> None:
    if wanted:
        raise UsageError(
            f"inputs were given for {text!r}, which makes its own",
            code="inputs-without-module",
            hint="leave the inputs out, or name a module in a file: FILE.py::NAME",
        )


def parse_inputs(texts: str | Sequence[str]) -> tuple[InputSpec, ...]:
    """Read inputs like `float32[8,3,32,32]`.

    Several stand in one text, apart by spaces, or in several texts.
    """
    found = []
    if isinstance(texts, str):
        texts = [texts]
    for text in texts:
        position = 0
        while position < len(text.rstrip()):
            match = _INPUT.match(text, position)
            if match is None:
                raise _bad_input(text[position:], _INPUT_HINT)
            found.append(_read_input(match))
            position = match.end()
    return tuple(found)


def _read_input(match: re.Match[str]) -> InputSpec:
    name = match[1]
    shape = match[2].strip()
    sizes = []
    if shape:
        sizes = [size.strip() for size in shape.split(",")]
    if not all(_SIZE.fullmatch(size) for size in sizes):
        raise _bad_input(match.string[match.start() :], _INPUT_HINT)
    dtype = _ALIASES.get(name, name)
    if dtype not in _DTYPES:
        raise _bad_input(match[0], did_you_mean(dtype, _DTYPES))
    return InputSpec(dtype=dtype, shape=tuple(int(size) for size in sizes))


def _bad_input(text: str, hint: str) -> UsageError:
    return UsageError(
        f"cannot understand the input {text.strip()!r}", code="input-invalid", hint=hint
    )


def _bad_subject(text: str, hint: str) -> UsageError:
    return UsageError(f"cannot understand the subject {text!r}", code="subject-invalid", hint=hint)


def _is_dotted_name(text: str) -> bool:
    return all(part.isidentifier() for part in text.split("."))


def _require_file(path: str, folder: Path) -> None:
    file = folder / path
    # Not Path's own methods: they raise OSError for a name that is too long or out of reach.
    if path and os.path.isdir(file):
        raise UsageError(
            f"{path!r} is a folder", code="subject-is-folder", hint=_suggest_scripts("", file)
        )
    if path and os.path.exists(file) and not os.path.isfile(file):
        raise UsageError(
            f"{path!r} is no regular file",
            code="subject-not-python",
            hint="name a file that ends in .py; what comes from a pipe can be read only once",
        )
    if not path or not os.path.isfile(file):
        place = file.parent if path else folder
        near = _suggest_scripts(file.name, place)
        message = f"there is no file {path!r} in {folder}"
        if os.sep not in path and not file.suffix:
            message += ", and no command of that name"
        raise UsageError(message, code="subject-missing", hint=near)
    if file.suffix not in (".py", SUFFIX):
        raise UsageError(
            f"{path!r} is not a Python file",
            code="subject-not-python",
            hint="name a file that ends in .py or .ipynb",
        )


def _suggest_scripts(name: str, folder: Path) -> str:
    scripts: list[str] = []
    if os.path.isdir(folder):
        scripts = sorted(entry.name for entry in folder.glob("*.py"))
    if not scripts:
        return f"no Python file lies in {folder}"
    hint = did_you_mean(name, scripts)
    # Where no name is near, it lists all names instead, which may be hundreds.
    if name and hint.startswith("did"):
        return hint
    shown = ", ".join(scripts[:_SCRIPTS_SHOWN])
    cut = len(scripts) - _SCRIPTS_SHOWN
    if cut > 0:
        shown += f" and {cut} more"
    return f"Python files in {folder}: {shown}"
