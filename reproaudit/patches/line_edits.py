"""Edits of the line to blame: what it iterates over is sorted, what it calls gets a seed."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from reproaudit.knowledge.traits import (
    AddArguments,
    FixHash,
    FixSeed,
    JoinThreads,
    LineEdit,
    OrderSets,
    RenameCalls,
    SeedTasks,
    SetKeyword,
    SortCalls,
    SortIterated,
    UnwrapCalls,
)
from reproaudit.patches.program_text import (
    Edit,
    ProgramText,
    read_function_name,
)
from reproaudit.patches.seed_edits import find_seed_values, fix_seeds, replace_hashes
from reproaudit.patches.seed_scope import Scope, write_seed
from reproaudit.patches.set_edits import (
    find_iterated,
    find_names_of_sets,
    is_set,
    order_sets,
)
from reproaudit.patches.task_edits import seed_tasks
from reproaudit.patches.thread_edits import join_threads

Nodes = Sequence[ast.AST]


def edit_line(
    program: ProgramText, edits: Sequence[LineEdit], line: int, scope: Scope = Scope.ONCE
) -> list[Edit]:
    """Return the first of the edits that the line has a place for; empty if none has.

    `scope` is who is known to run the line.
    """
    for nodes in program.group_nodes(line):
        found = _edit_nodes(program, edits, nodes, scope)
        if found:
            return found
    return []


def edit_everywhere(
    program: ProgramText, edits: Sequence[LineEdit], scope: Scope = Scope.ONCE
) -> list[Edit]:
    """Return the edits that are right wherever the file has a place for them.

    `scope` is who is known to run the file.
    """
    found: list[Edit] = []
    for edit in edits:
        if isinstance(edit, SortIterated):
            found += _sort_all_sets(program)
        elif isinstance(edit, FixSeed):
            found += fix_seeds(program, edit, list(ast.walk(program.tree)))
        elif isinstance(edit, FixHash):
            found += replace_hashes(program, find_seed_values(program))
        elif isinstance(edit, OrderSets):
            found += order_sets(program)
        elif isinstance(edit, JoinThreads):
            found += join_threads(program)
        elif isinstance(edit, SetKeyword):
            for call in _find_calls(list(ast.walk(program.tree))):
                if read_function_name(call) in edit.everywhere_in:
                    found += _set_keyword(program, edit, [call])
        elif isinstance(edit, RenameCalls) and edit.everywhere:
            for node in ast.walk(program.tree):
                found += _rename_calls(program, edit, [node], scope)
    return found


def add_arguments(
    program: ProgramText, arguments: Mapping[str, tuple[str, str]], line: int
) -> list[Edit]:
    """Return the edits that give a keyword and its value to calls of the named functions.

    Those of the line are edited; where it has none, all of the file. A constant that is given
    already is left.
    """
    groups: list[Nodes] = [*program.group_nodes(line), list(ast.walk(program.tree))]
    for nodes in groups:
        edits = _add_arguments(program, arguments, nodes)
        if edits:
            return edits
    return []


def _add_arguments(
    program: ProgramText, arguments: Mapping[str, tuple[str, str]], nodes: Nodes
) -> list[Edit]:
    edits: list[Edit] = []
    for call in _find_calls(nodes):
        given = arguments.get(read_function_name(call))
        if given is not None:
            edits += _give_argument(program, call, *given)
    return edits


def _give_argument(program: ProgramText, call: ast.Call, name: str, value: str) -> list[Edit]:
    for keyword in call.keywords:
        if keyword.arg != name:
            continue
        given = keyword.value
        if isinstance(given, ast.Constant) and given.value is not None:
            return []
        return [Edit(program.find_start(given), program.find_end(given), value)]
    at, is_first = _find_end_of_arguments(program, call)
    gap = "" if is_first else ", "
    return [Edit(at, at, f"{gap}{name}={value}")]


def _find_end_of_arguments(program: ProgramText, call: ast.Call) -> tuple[int, bool]:
    """Return where one more argument goes, and whether it is the first of the call.

    Directly behind the last one: a comma and a comment may follow it.
    """
    bracket = program.find_end(call) - 1
    given = [program.find_end(node) for node in (*call.args, *map(_read_value, call.keywords))]
    if not given:
        return bracket, True
    end = max(given)
    if end > bracket:
        return bracket, False  # a lone generator, beside which nothing can be given
    # The argument may stand in brackets of its own, which belong to no node.
    between = program.data[end:bracket].decode()
    before, closed, _ = between.rpartition(")")
    if closed and "#" not in before:
        end += len(before.encode()) + 1
    return end, False


def _read_value(keyword: ast.keyword) -> ast.expr:
    return keyword.value


def _edit_nodes(
    program: ProgramText, edits: Sequence[LineEdit], nodes: Nodes, scope: Scope
) -> list[Edit]:
    for edit in edits:
        if isinstance(edit, AddArguments):
            found = _add_arguments(program, edit.arguments, nodes)
        elif isinstance(edit, SortCalls):
            found = _sort_calls(program, edit, nodes)
        elif isinstance(edit, UnwrapCalls):
            found = _unwrap_calls(program, edit, nodes)
        elif isinstance(edit, FixSeed):
            # On the line to blame, whatever the seed is made of.
            found = fix_seeds(program, replace(edit, sources=()), nodes, scope)
        elif isinstance(edit, FixHash):
            found = replace_hashes(program, nodes)
        elif isinstance(edit, OrderSets):
            # Where a set is iterated over is seldom where it is made.
            found = order_sets(program)
        elif isinstance(edit, JoinThreads):
            found = join_threads(program)
        elif isinstance(edit, SeedTasks):
            found = seed_tasks(program, nodes)
        elif isinstance(edit, SetKeyword):
            found = _set_keyword(program, edit, nodes)
        elif isinstance(edit, RenameCalls):
            found = _rename_calls(program, edit, nodes, scope)
        else:
            found = _sort_iterable(program, nodes)
        if found:
            return found
    return []


def _find_calls(nodes: Nodes) -> Iterator[ast.Call]:
    for node in nodes:
        if isinstance(node, ast.Call):
            yield node


def _sort(program: ProgramText, node: ast.expr) -> list[Edit]:
    """Return the edits that put sorted() around an expression."""
    start = program.find_start(node)
    end = program.find_end(node)
    before = Edit(start, start, "sorted(")
    after = Edit(end, end, ")")
    return [before, after]


def _sort_iterable(program: ProgramText, nodes: Nodes) -> list[Edit]:
    """Sort the sets that are iterated over; else the first plain name."""
    consumed = list(find_iterated(nodes))
    sets = find_names_of_sets(program)
    edits: list[Edit] = []
    for node in consumed:
        if is_set(node) or ast.unparse(node) in sets:
            edits += _sort(program, node)
    if edits:
        return edits
    # Whether a name holds a set cannot be seen, but some iteration of this line has no order.
    for node in consumed:
        if isinstance(node, (ast.Name, ast.Attribute)):
            return _sort(program, node)
    return []


def _sort_all_sets(program: ProgramText) -> list[Edit]:
    """Sort each set of the file where it is iterated over, as far as the text tells sets."""
    nodes = list(ast.walk(program.tree))
    sets = find_names_of_sets(program)
    edits: list[Edit] = []
    for iterated in find_iterated(nodes):
        if is_set(iterated) or ast.unparse(iterated) in sets:
            edits += _sort(program, iterated)
    return edits


def _sort_calls(program: ProgramText, edit: SortCalls, nodes: Nodes) -> list[Edit]:
    for call in _find_calls(nodes):
        name = read_function_name(call)
        if name in edit.functions:
            return _sort(program, call)
    return []


def _unwrap_calls(program: ProgramText, edit: UnwrapCalls, nodes: Nodes) -> list[Edit]:
    for call in _find_calls(nodes):
        if read_function_name(call) in edit.functions and call.args:
            inner = call.args[0]
            before = Edit(program.find_start(call), program.find_start(inner), "")
            after = Edit(program.find_end(inner), program.find_end(call), "")
            return [before, after]
    return []


def _set_keyword(program: ProgramText, edit: SetKeyword, nodes: Nodes) -> list[Edit]:
    for call in _find_calls(nodes):
        for keyword in call.keywords:
            if keyword.arg != edit.name:
                continue
            given = ast.unparse(keyword.value)
            if edit.only_if and not any(part in given for part in edit.only_if):
                continue
            start = program.find_start(keyword.value)
            end = program.find_end(keyword.value)
            return [Edit(start, end, edit.value)]
    return []


def _rename_calls(
    program: ProgramText,
    edit: RenameCalls,
    nodes: Nodes,
    scope: Scope = Scope.ONCE,
) -> list[Edit]:
    for call in _find_calls(nodes):
        name = read_function_name(call)
        if name not in edit.names:
            continue
        has_arguments = bool(call.args or call.keywords)
        if edit.only_bare and has_arguments:
            continue
        # The last name alone, so that `np.random.default_rng` keeps what stands before it.
        end = program.find_end(call.func)
        start = end - len(name.encode())
        new_name = edit.names[name]
        edits = [Edit(start, end, new_name)]
        if edit.arguments is not None:
            seed = write_seed(program, call, edit.arguments, scope)
            if seed is None:
                return []
            end_of_call = program.find_end(call)
            edits += [Edit(end, end_of_call, f"({seed.text})"), *seed.edits]
        return edits
    return []
