"""What is true of Python files, by their syntax trees: definitions, calls, imports, uses."""

from __future__ import annotations

import ast
import functools
import io
import tokenize
from collections import Counter
from collections.abc import Iterator, Mapping

from msgspec import Struct


class Definition(Struct, frozen=True):
    """A function, class or method; `name` is `Class.method` for a method."""

    name: str
    path: str
    line: int
    kind: str
    """function, class or method"""
    parameters: tuple[str, ...] = ()
    defaults: tuple[tuple[str, str], ...] = ()
    """(parameter, value as it is written), of those that have one"""
    raises: tuple[str, ...] = ()
    """names of the exceptions of its own raise statements, sorted"""

    @property
    def public(self) -> bool:
        """Does no part of its name begin with an underscore?"""
        return not any(part.startswith("_") for part in self.name.split("."))


class Call(Struct, frozen=True):
    """A call of `name` within `inside` ('' at the top of a module)."""

    name: str
    path: str
    inside: str


class Facts(Struct, frozen=True):
    """What the Python files of a folder say. Files that are no Python are left out."""

    files: dict[str, str]
    definitions: tuple[Definition, ...]
    calls: tuple[Call, ...]
    words: dict[str, Counter[str]]
    """by file, how often each name stands in its code; comments and texts do not count"""
    imports: dict[str, tuple[str, ...]]
    """by file, the modules that it imports, as it names them, sorted"""

    def only_once(self, kind: str) -> list[Definition]:
        """Public definitions of a kind whose bare name is defined nowhere else."""
        bare = Counter(each.name.rpartition(".")[2] for each in self.definitions)
        return [
            each
            for each in self.definitions
            if each.kind == kind and each.public and bare[each.name.rpartition(".")[2]] == 1
        ]

    def callers(self, name: str) -> list[str]:
        """`path:function` of every function that calls `name`, sorted; a call at the top of a
        module is `path:module`."""
        found = {(call.path, call.inside or "module") for call in self.calls if call.name == name}
        return [f"{path}:{inside}" for path, inside in sorted(found)]

    def users(self, name: str) -> list[str]:
        """The files whose code has the name, sorted."""
        return sorted(path for path, counts in self.words.items() if counts[name])

    def importers(self, module: str) -> list[str]:
        """The files that import the dotted `module`, or from it, sorted."""
        return sorted(path for path, names in self.imports.items() if module in names)


def facts_of(files: Mapping[str, str]) -> Facts:
    """The facts about a folder's Python files."""
    python = {path: files[path] for path in sorted(files) if path.endswith(".py")}
    read = {path: found for path, text in python.items() if (found := _read(path, text))}
    return Facts(
        files={path: python[path] for path in read},
        definitions=tuple(one for each in read.values() for one in each.definitions),
        calls=tuple(one for each in read.values() for one in each.calls),
        words={path: each.words for path, each in read.items()},
        imports={path: each.imports for path, each in read.items()},
    )


def is_test(path: str) -> bool:
    """Does the path say that it is about tests?"""
    parts = path.split("/")
    return any(part in ("tests", "test") for part in parts[:-1]) or parts[-1].startswith("test_")


def module_name(path: str) -> str:
    """`shelf/paging.py` -> `shelf.paging`."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


class _Read(Struct, frozen=True):
    """The facts of one file."""

    definitions: tuple[Definition, ...]
    calls: tuple[Call, ...]
    words: Counter[str]
    imports: tuple[str, ...]


@functools.lru_cache(1024)
def _read(path: str, text: str) -> _Read | None:
    """None: it is no Python."""
    try:
        tree = ast.parse(text)
        return _Read(
            tuple(_definitions(tree, path)),
            tuple(_calls(tree, path, "")),
            _words(text),
            tuple(sorted(set(_imports(tree)))),
        )
    except (SyntaxError, ValueError, RecursionError, MemoryError, tokenize.TokenError):
        return None


def _words(text: str) -> Counter[str]:
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return Counter(token.string for token in tokens if token.type == tokenize.NAME)


def _definitions(tree: ast.Module, path: str) -> Iterator[Definition]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield _function(node, path, node.name, "function")
        elif isinstance(node, ast.ClassDef):
            yield Definition(node.name, path, node.lineno, "class")
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield _function(inner, path, f"{node.name}.{inner.name}", "method")


def _function(
    node: ast.FunctionDef | ast.AsyncFunctionDef, path: str, name: str, kind: str
) -> Definition:
    told = node.args
    plain = [*told.posonlyargs, *told.args]
    last = plain[len(plain) - len(told.defaults) :]
    given = {each.arg: value for each, value in zip(last, told.defaults, strict=True)}
    by_name = zip([each.arg for each in told.kwonlyargs], told.kw_defaults, strict=True)
    given |= {name: value for name, value in by_name if value is not None}
    raised = {what for each in ast.walk(node) if (what := _raised(each))}
    return Definition(
        name=name,
        path=path,
        line=node.lineno,
        kind=kind,
        parameters=tuple(
            each.arg for each in (*plain, *told.kwonlyargs) if each.arg not in ("self", "cls")
        ),
        defaults=tuple((name, ast.unparse(value)) for name, value in given.items()),
        raises=tuple(sorted(raised)),
    )


def _raised(node: ast.AST) -> str:
    """The bare name of the exception that a raise statement raises; '' for all else."""
    if not isinstance(node, ast.Raise):
        return ""
    what = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
    return what.id if isinstance(what, ast.Name) else ""


def _calls(node: ast.AST, path: str, inside: str) -> Iterator[Call]:
    for child in ast.iter_child_nodes(node):
        within = inside
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            # A function within a function counts as part of it: that is where a reader looks.
            whole = f"{inside}.{child.name}" if inside else child.name
            nested = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            within = inside if nested else whole
        if isinstance(child, ast.Call):
            if isinstance(child.func, ast.Name):
                yield Call(child.func.id, path, within)
            elif isinstance(child.func, ast.Attribute):
                yield Call(child.func.attr, path, within)
        yield from _calls(child, path, within)


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
