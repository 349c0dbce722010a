"""A proven fix as one patch of the user's own files.

Lines are added before the program's first draw, and lines to blame are edited. What to add and what
to edit stands in the table of interventions. The patch is made by editing syntax, not by running
anything.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from reproaudit.config.notebook import SUFFIX, read_notebook
from reproaudit.config.subject import SubjectSpec
from reproaudit.errors import UsageError
from reproaudit.files import Unreadable, read_bytes
from reproaudit.knowledge.interventions import INTERVENTIONS
from reproaudit.knowledge.library_seeds import find_library_seed
from reproaudit.knowledge.traits import Intervention, Part
from reproaudit.model.events import LibraryCall, Location
from reproaudit.patches.line_edits import add_arguments, edit_everywhere, edit_line
from reproaudit.patches.program_text import Edit, ProgramText, make_diff, split_lines
from reproaudit.patches.seed_edits import keep_seeds_of_zero
from reproaudit.patches.seed_place import SeedPlaces
from reproaudit.patches.seed_scope import Scope, has_only_loaders

_MOST_BYTES = 16 << 20  # of a program


@dataclass(frozen=True, slots=True)
class Repair:
    """A finding's part of the fix, and the line to blame; None if it is not known.

    `below` is what the line calls of a library that asks for a seed. `in_worker`: the line is run
    by workers that load data.
    """

    names: tuple[str, ...]
    location: Location | None = None
    below: LibraryCall | None = None
    in_worker: bool = False


@dataclass(frozen=True, slots=True)
class PatchedFile:
    """A file from the subject's `patch_folder`, as POSIX, its text and what becomes of it.

    Of a patch that leaves this folder, all paths go up as far as one of them has to.
    """

    path: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Patch:
    """The files that change, and the interventions that nobody but the user can write."""

    files: tuple[PatchedFile, ...] = ()
    left: tuple[str, ...] = ()

    @property
    def rows(self) -> tuple[str, ...]:
        """The unified diff, as `patch -p0` takes it in the subject's `patch_folder`.

        If it leaves this folder, `patch` takes it above that, with as many parts of the paths left
        out as go up.
        """
        rows: list[str] = []
        for file in self.files:
            rows += make_diff(file.before, file.after, file.path)
        return tuple(rows)


def make_patch(
    repairs: Sequence[Repair],
    subject: SubjectSpec,
    *,
    refuses: bool = False,
    beside_seeds: bool = False,
    by_hand: Sequence[str] = (),
    has_ranks: bool = False,
) -> Patch:
    """Return the one patch that does what all repairs do.

    `refuses`: some operator of the program raises under the determinism flag. `beside_seeds`: seeds
    go to those that the program sets already, where it has such a place. The interventions
    `by_hand` are left to the user. `has_ranks`: several processes that train together run it.
    """
    draft = _Draft(subject, Scope.RANK if has_ranks else Scope.ONCE)
    at_start: dict[str, Intervention] = {}
    left: list[str] = []
    for repair in repairs:
        for name in repair.names:
            if name in by_hand:
                left.append(name)
                continue
            entry = INTERVENTIONS[name]
            if repair.below is not None and seeds_libraries(name):
                if draft.seed_library(repair.below, repair.location):
                    continue
                if not entry.at_start:
                    left.append(name)
                    continue
            # An edit of the line to blame says more than lines at the start of the program.
            if draft.edit_line(entry, repair):
                continue
            is_edited = draft.edit_everywhere(entry, repair.location)
            if entry.at_start and draft.main is not None:
                at_start[name] = entry
            elif not is_edited:
                left.append(name)
    draft.add_lines(list(at_start.values()), refuses=refuses, beside_seeds=beside_seeds)
    files = draft.finish()
    if files is None:
        left = [name for repair in repairs for name in repair.names]
    return Patch(files=files or (), left=tuple(dict.fromkeys(left)))


def seeds_libraries(name: str) -> bool:
    """Return True if the intervention does what a seed for a library would do."""
    return INTERVENTIONS[name].acts_on in (Part.SEEDS, Part.ENTROPY)


def read_program(subject: SubjectSpec, location: Location | None) -> ProgramText | None:
    """Return the file of a location if it is one of the program's own, and Python.

    Of a notebook it is the cell; without one, all cells.
    """
    file = _find_file(subject, location)
    if file is None or location is None:
        return None
    if file.suffix == SUFFIX:
        return _read_cells(file, location.cell)
    return _read_program(file)


def read_line(subject: SubjectSpec, location: Location | None) -> str:
    """Return a line of the program's own files; "" if it cannot be read."""
    program = read_program(subject, location)
    if program is None or location is None:
        return ""
    lines = split_lines(program.text)
    if not 0 < location.line <= len(lines):
        return ""
    return lines[location.line - 1]


def choose_patch_lines(entry: Intervention, *, refuses: bool) -> tuple[str, ...]:
    """Return the lines to write in place of an intervention.

    `refuses`: some operator of the program raises under the determinism flag.
    """
    if refuses and entry.patch_if_refused:
        return entry.patch_if_refused
    return entry.patch


@dataclass(slots=True)
class _Draft:
    """The files of a program, and the edits that were found for each."""

    subject: SubjectSpec
    scope: Scope = Scope.ONCE  # who runs the program as a whole
    programs: dict[Path, ProgramText | None] = field(default_factory=dict)
    edits: dict[Path, list[Edit]] = field(default_factory=dict)
    seeds: list[tuple[str, ...]] = field(default_factory=list)  # of libraries, for the start

    @property
    def main(self) -> ProgramText | None:
        """The program itself; a subject that was given by module has no file to patch."""
        if not self.subject.path:
            return None
        return self._open(_normalise(self.subject.file))

    def edit_line(self, entry: Intervention, repair: Repair) -> bool:
        """Edit the line to blame, and return True, if it has a place for it."""
        location = repair.location
        file = _find_file(self.subject, location)
        program = self._open(file) if file is not None else None
        if file is None or program is None or location is None:
            return False
        found = edit_line(program, entry.edits, location.line, self._find_scope(repair, program))
        self.edits.setdefault(file, []).extend(found)
        return bool(found)

    def _find_scope(self, repair: Repair, program: ProgramText) -> Scope:
        """Return who is known to run the line to blame, beside what its file tells."""
        if not repair.in_worker:
            return self.scope
        # A job of a pool has no seed of its own, a worker of a loader has.
        texts = [program] if self.main is None else [program, self.main]
        return Scope.SAMPLE if any(map(has_only_loaders, texts)) else Scope.TASK

    def edit_everywhere(self, entry: Intervention, location: Location | None) -> bool:
        """Edit the file to blame and the program, and return True, if they have places for it."""
        files = [_find_file(self.subject, location)]
        if self.subject.path:
            files.append(_normalise(self.subject.file))
        is_edited = False
        for file in dict.fromkeys(files):
            program = self._open(file) if file is not None else None
            if file is None or program is None:
                continue
            found = edit_everywhere(program, entry.edits, self.scope)
            self.edits.setdefault(file, []).extend(found)
            is_edited = is_edited or bool(found)
        return is_edited

    def seed_library(self, below: LibraryCall, location: Location | None) -> bool:
        """Give a library its seed, and return True, if there is a place for it."""
        known = find_library_seed(below.function)
        if known is not None and known.at_start and self.main is not None:
            self.seeds.append(known.at_start)
            return True
        file = _find_file(self.subject, location)
        program = self._open(file) if file is not None else None
        if file is None or program is None or location is None:
            return False
        arguments = dict(known.arguments) if known is not None else {}
        if below.seeded:
            arguments.setdefault(below.seeded, (below.argument, "0"))
        found = add_arguments(program, arguments, location.line)
        self.edits.setdefault(file, []).extend(found)
        return bool(found)

    def add_lines(
        self, entries: Sequence[Intervention], *, refuses: bool, beside_seeds: bool
    ) -> None:
        """Add the lines of the interventions to the program itself, never to a module of it."""
        program = self.main
        if program is None or not (entries or self.seeds):
            return
        places = SeedPlaces(program, self.subject.folder)
        edits = self.edits.setdefault(_normalise(self.subject.file), [])
        seeds: list[tuple[str, ...]] = []
        others = list(dict.fromkeys(self.seeds))
        for entry in entries:
            group = seeds if entry.acts_on is Part.SEEDS else others
            group.append(choose_patch_lines(entry, refuses=refuses))
        found: list[Edit] = []
        if beside_seeds and seeds:
            found = keep_seeds_of_zero(program, sum(seeds, ())) or places.add_beside_seeds(seeds)
        if found:
            edits += found
            edits += places.add_at_start(others)
        else:
            edits += places.add_at_start([*seeds, *others])

    def finish(self) -> tuple[PatchedFile, ...] | None:
        """Return the files that change; None if the edits get in each other's way."""
        changed: dict[Path, tuple[str, str]] = {}
        for file, edits in self.edits.items():
            program = self.programs[file]
            if program is None or not edits:
                continue
            after = program.apply(edits)
            if not _is_python(after):
                return None
            if after != program.text:
                changed[file] = (program.text, after)
        names = _name_files(list(changed), self.subject.patch_folder)
        return tuple(
            PatchedFile(name, before, after)
            for name, (before, after) in zip(names, changed.values(), strict=True)
        )

    def _open(self, file: Path) -> ProgramText | None:
        if file not in self.programs:
            self.programs[file] = _read_program(file)
        return self.programs[file]


def _find_file(subject: SubjectSpec, location: Location | None) -> Path | None:
    """Return the file to blame, if it is one of the program's own."""
    if location is None:
        return None
    # Lines of libraries are shown by a path that is none of this folder.
    file = _normalise(subject.folder / location.path)
    return file if file.is_file() else None


def _is_python(text: str) -> bool:
    try:
        ProgramText(text)
    except (SyntaxError, ValueError):
        return False
    return True


def _read_cells(file: Path, number: int) -> ProgramText | None:
    try:
        cells = read_notebook(file).cells
        wanted = [cell for cell in cells if number in (0, cell.number)]
        return ProgramText("\n".join(cell.as_python() for cell in wanted))
    except (UsageError, SyntaxError, ValueError):
        return None


def _read_program(file: Path) -> ProgramText | None:
    """Return the text of a file; None for a notebook, too: nobody edits its text."""
    if file.suffix == SUFFIX:
        return None
    try:
        # Line ends are kept as they are: `patch` compares them too.
        text = read_bytes(file, _MOST_BYTES).decode("utf-8")
        return ProgramText(text)
    except (OSError, Unreadable, SyntaxError, ValueError):
        return None


def _normalise(file: Path) -> Path:
    """Return one spelling of a file's path."""
    return Path(os.path.abspath(file))


def _name_files(files: Sequence[Path], folder: Path) -> list[str]:
    """Return the paths of files from `folder`; all go up as far as one of them has to."""
    start = os.path.abspath(folder)
    above = os.path.commonpath([start, *(str(file) for file in files)])
    up = os.path.relpath(above, start)
    names: list[str] = []
    for file in files:
        below = os.path.relpath(file, above)
        name = below if up == "." else os.path.join(up, below)
        names.append(Path(name).as_posix())
    return names
