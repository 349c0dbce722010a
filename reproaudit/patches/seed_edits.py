"""Edits of seeds that are made of what differs: they become constants, and hashes checksums."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Sequence

from reproaudit.knowledge.traits import FixSeed
from reproaudit.patches.first_draw import SEEDING, read_names
from reproaudit.patches.program_text import Edit, ProgramText, add_import, find_assigned
from reproaudit.patches.seed_scope import Scope, write_seed

_TAKES_SEED = SEEDING | {"Generator", "MT19937", "PCG64", "Philox", "Random", "RandomState"}
_TAKES_SEED |= {"SFC64", "SeedSequence", "default_rng"}
_STABLE = "zlib"


def fix_seeds(
    program: ProgramText,
    edit: FixSeed,
    nodes: Sequence[ast.AST],
    scope: Scope = Scope.ONCE,
) -> list[Edit]:
    """Return the edits that make a constant of a seed that the nodes set, or give a name to.

    In what workers run it is made of their own seed instead; `scope` is who is known to run it. On
    several ranks it stays a constant: what shares data out among them is seeded alike on each.
    """
    if scope is Scope.RANK:
        scope = Scope.ONCE

    def replace_by_seed(node: ast.expr) -> list[Edit]:
        seed = write_seed(program, node, edit.value, scope)
        if seed is None:
            return []
        return [_replace(program, node, seed.text), *seed.edits]

    edits: list[Edit] = []
    names = {name for name, _ in _find_seeds(ast.walk(program.tree))}
    for name, seed in _find_seeds(nodes):
        if _is_number(seed) or not _is_from(seed, edit.sources):
            continue
        if not name:
            edits += replace_by_seed(seed)
        elif not edit.sources:
            # What a name is made of elsewhere is to be told there: a user may have given it, too.
            made = [value for value in _find_made(program, name) if value is not seed]
            for value in made or [seed]:
                edits += replace_by_seed(value)
    for name, seed in find_assigned(nodes):
        if name in names and not _is_number(seed) and _is_from(seed, edit.sources):
            edits += replace_by_seed(seed)
    if edits or not edit.sources:
        return edits
    # A seed that goes through a configuration is known by its key.
    for key, value in _find_keyed(nodes):
        if "seed" in key.lower() and not _is_number(value) and _is_from(value, edit.sources):
            edits += replace_by_seed(value)
    return edits


def _find_keyed(nodes: Sequence[ast.AST]) -> Iterator[tuple[str, ast.expr]]:
    """Yield what is given to keys of dicts and to keyword arguments, with the key."""
    for node in nodes:
        if isinstance(node, ast.Call):
            yield from ((given.arg or "", given.value) for given in node.keywords)
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
            yield ast.unparse(node.targets[0].slice), node.value
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant):
                    yield str(key.value), value


def replace_hashes(program: ProgramText, nodes: Sequence[ast.AST]) -> list[Edit]:
    """Return the edits that put a checksum of its text in the place of `hash(value)`."""
    edits: list[Edit] = []
    for node in nodes:
        if not isinstance(node, ast.Call) or read_names(node.func) != ("hash", "hash"):
            continue
        if len(node.args) != 1:
            continue
        value = node.args[0]
        before = Edit(program.find_start(node), program.find_start(value), f"{_STABLE}.crc32(repr(")
        after = Edit(program.find_end(value), program.find_end(node), ").encode())")
        edits += [before, after]
    if edits:
        edits += add_import(program, _STABLE)
    return edits


def keep_seeds_of_zero(program: ProgramText, wanted: Sequence[str]) -> list[Edit]:
    """Return the edits of `if seed:` around calls that are given this seed: 0 is one, too.

    `wanted` are the lines that would seed the program otherwise. Calls of the same names count, and
    those that seed everything.
    """
    names = {line.partition("(")[0].rpartition(".")[2] for line in wanted}
    names |= {"seed_everything", "set_random_seed", "set_seed"}
    edits: list[Edit] = []
    for node in ast.walk(program.tree):
        if not isinstance(node, ast.If) or not isinstance(node.test, (ast.Name, ast.Attribute)):
            continue
        test = ast.unparse(node.test)
        inner = [part for statement in node.body for part in ast.walk(statement)]
        if any(_is_seeding(part, names, test) for part in inner):
            end = program.find_end(node.test)
            edits.append(Edit(end, end, " is not None"))
    return edits


def _is_seeding(node: ast.AST, names: Collection[str], seed: str) -> bool:
    if not isinstance(node, ast.Call) or len(node.args) != 1:
        return False
    _, last = read_names(node.func)
    return last in names and ast.unparse(node.args[0]) == seed


def find_seed_values(program: ProgramText) -> list[ast.AST]:
    """Return the nodes of all that is given as a seed, or assigned to the name of one."""
    nodes = list(ast.walk(program.tree))
    names = {name for name, _ in _find_seeds(nodes)}
    values: list[ast.expr] = [seed for _, seed in _find_seeds(nodes)]
    values += [value for name, value in find_assigned(nodes) if name in names]
    found: list[ast.AST] = []
    for value in values:
        found += ast.walk(value)
    return found


def _find_seeds(nodes: Sequence[ast.AST] | Iterator[ast.AST]) -> Iterator[tuple[str, ast.expr]]:
    """Yield what is given as a seed, and its name; "" where it is no name."""
    for node in nodes:
        if isinstance(node, ast.Call) and len(node.args) == 1 and not node.keywords:
            _, last = read_names(node.func)
            if last in _TAKES_SEED:
                seed = node.args[0]
                name = ""
                if isinstance(seed, (ast.Name, ast.Attribute)):
                    name = ast.unparse(seed)
                yield name, seed


def _find_made(program: ProgramText, name: str) -> Iterator[ast.expr]:
    """Yield what the file assigns to the name, where that is called for."""
    for target, value in find_assigned(ast.walk(program.tree)):
        if target == name and any(isinstance(part, ast.Call) for part in ast.walk(value)):
            yield value


def _is_number(seed: ast.expr) -> bool:
    """Return True for a seed that is given as it is; None asks for one."""
    return isinstance(seed, ast.Constant) and seed.value is not None


def _is_from(seed: ast.expr, sources: Sequence[str]) -> bool:
    text = ast.unparse(seed)
    return not sources or any(source in text for source in sources)


def _replace(program: ProgramText, node: ast.expr, text: str) -> Edit:
    return Edit(program.find_start(node), program.find_end(node), text)
