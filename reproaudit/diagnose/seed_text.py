"""What the program's text says: where it takes its seed, and which draws a loop repeats."""

from __future__ import annotations

import ast
import re

from reproaudit.comparison.draw_sites import Site, SiteKey
from reproaudit.config.seed_argument import SeedArgument, SeedPlace
from reproaudit.config.subject import SubjectSpec
from reproaudit.diagnose.seed_effects import SeedReach
from reproaudit.model.events import Location
from reproaudit.patches.loops import is_in_loop
from reproaudit.patches.patch import read_program

# A call by whose name one sees that it seeds something.
_SEEDING = re.compile(r"seed|rng|random|generator", re.IGNORECASE)


def find_taking_line(argument: SeedArgument, subject: SubjectSpec) -> Location | None:
    """Return the line of the subject's own file that takes the seed; None if none names it."""
    if not subject.path:
        return None
    place = Location(subject.file.name, 1)
    program = read_program(subject, place)
    if program is None:
        return None
    wanted = {argument.name}
    if argument.place is SeedPlace.ARGUMENT:
        wanted.add(argument.name.lstrip("-"))  # as click and absl name it
    lines = [
        node.lineno
        for node in ast.walk(program.tree)
        if isinstance(node, ast.Constant) and node.value in wanted
    ]
    return Location(place.path, min(lines)) if lines else None


def find_truth_test(argument: SeedArgument, subject: SubjectSpec) -> Location | None:
    """Return the line of the subject's own file that takes a seed of 0 for none.

    That is where a value named like the seed is asked whether it is true: `if args.seed:`,
    `args.seed or 42`. None if there is no such line, or more than one.
    """
    place = Location(subject.file.name, 1) if subject.path else None
    program = read_program(subject, place)
    if program is None or place is None:
        return None
    tested: list[ast.expr] = []
    for node in ast.walk(program.tree):
        if isinstance(node, ast.If | ast.IfExp | ast.While):
            tested.append(node.test)
        elif isinstance(node, ast.BoolOp):
            tested += node.values
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            tested.append(node.operand)
    named = _name_variable(argument)
    lines = {node.lineno for node in tested if named in _name_value(node).lower()}
    return Location(place.path, lines.pop()) if len(lines) == 1 else None


def _name_value(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _name_variable(argument: SeedArgument) -> str:
    return argument.name.rpartition(".")[2].lstrip("-").replace("-", "_").lower()


def find_use(argument: SeedArgument, subject: SubjectSpec) -> Location | None:
    """Return the line of the subject's own file that computes something else of the seed.

    That is where a value named like the seed stands in an operation, a comparison or an index, and
    not below a call that seeds. None if there is no such line, or more than one.
    """
    place = Location(subject.file.name, 1) if subject.path else None
    program = read_program(subject, place)
    if program is None or place is None:
        return None
    named = _name_variable(argument)
    lines: set[int] = set()
    waiting: list[tuple[ast.AST, bool]] = [(program.tree, False)]
    while waiting:
        node, is_computed = waiting.pop()
        if isinstance(node, ast.Call) and _SEEDING.search(ast.unparse(node.func)):
            continue
        if isinstance(node, ast.BinOp) and any(map(_is_text, (node.left, node.right))):
            continue  # such as the name of a file
        if isinstance(node, ast.BinOp | ast.Compare | ast.Subscript):
            is_computed = not _is_of_none(node)
        elif isinstance(node, ast.expr) and named in _name_value(node).lower() and is_computed:
            lines.add(node.lineno)
        waiting += [(child, is_computed) for child in ast.iter_child_nodes(node)]
    return Location(place.path, lines.pop()) if len(lines) == 1 else None


def _is_text(node: ast.expr) -> bool:
    is_string = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return is_string or isinstance(node, ast.JoinedStr)


def _is_of_none(node: ast.expr) -> bool:
    """Return True for `seed is None` and its like: whether there is a seed at all."""
    return isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Is | ast.IsNot)


def find_looped(reach: SeedReach, subject: SubjectSpec) -> dict[SiteKey, bool]:
    """Say of each line that draws an order whether it stands in a loop."""
    return {one.key: _is_looped(one.site, subject) for one in reach.sites if one.site.chooses}


def _is_looped(site: Site, subject: SubjectSpec) -> bool:
    location = site.key.location
    program = read_program(subject, location)
    if program is None:
        return False
    for nodes in program.group_nodes(location.line):
        for node in nodes:
            if isinstance(node, ast.Call):
                return is_in_loop(program, program.find_start(node))
    return False
