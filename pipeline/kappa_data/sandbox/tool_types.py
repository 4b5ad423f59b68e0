"""From the type annotation of a tool's argument to its JSON Schema.

Annotations are read as they are written and never evaluated: a tool's file is not run on the host.
What has no plain form in JSON is refused, with what to write instead.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Sequence
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from kappa_data.errors import UsageError

Schema = dict[str, Any]

NULL = {"type": "null"}

SIMPLE = {"str": "string", "int": "integer", "float": "number", "bool": "boolean", "None": "null"}
CONTAINERS = {"list": "list[str]", "dict": "dict[str, int]"}
TYPING = {"List": "list", "Dict": "dict"}
SPECIAL = ("Annotated", "Literal", "NotRequired", "Optional", "Required", "TypedDict", "Union")
HINTS = {
    "Any": "say which types it may be",
    "Path": "take a str and make the path in the tool",
    "bytes": "take a str, encoded as base64 where it has to be",
    "date": "take a str",
    "datetime": "take a str",
    "object": "say which types it may be",
    "set": "take a list",
    "tuple": "take a list",
    "Enum": "use Literal[...]",
    "dataclass": "make it a TypedDict",
}
ALLOWED = (
    "str, int, float, bool, list[...], dict[str, ...], Literal[...], ... | None, "
    "Annotated[..., ...] or a TypedDict"
)
# Keywords of JSON Schema that Annotated may add, and the type that each is for. No patterns: they
# would be run on what a model writes, and can take for ever.
KEYWORDS = {
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), "number"),
    "multipleOf": "number",
    **dict.fromkeys(("minLength", "maxLength"), "string"),
    **dict.fromkeys(("minItems", "maxItems"), "array"),
}


def literal(node: ast.expr) -> Any:
    """The value of an expression that is written as it is; ... where it is another one."""
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError):  # a name or a call; what no set or dict can hold
        return ...


class Types:
    """The types of one file. `wrong` makes every error: UsageError with file and line."""

    def __init__(self, place: str, module: ast.Module) -> None:
        self._place = place
        self._own: dict[str, ast.expr | ast.ClassDef] = {}
        self._imported: dict[str, str] = {}  # local name -> its name in the typing module
        self._typing: set[str] = set()  # what the typing module itself is called
        self._open: list[str] = []  # names that are being read, to notice a circle
        for statement in _statements(module.body):
            self._define(statement)

    def wrong(self, node: ast.AST, what: str) -> UsageError:
        """The error for something in the file."""
        return UsageError(f"{self._place}:{getattr(node, 'lineno', 1)}: {what}")

    def schema(self, node: ast.expr) -> Schema:
        """The schema of an annotation; `description` last, where Annotated gives one."""
        if isinstance(node, ast.Constant):
            if isinstance(node.value, str):
                return self.schema(self._unquoted(node, node.value))
            if node.value is None:
                return dict(NULL)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            return self._union(node, [node.left, node.right])
        if isinstance(node, ast.Subscript):
            return self._subscript(node)
        name = self._name(node)
        if name in self._own:
            return self._own_type(node, name)
        if name in SIMPLE:
            return {"type": SIMPLE[name]}
        if name in CONTAINERS:
            raise self.wrong(node, f"{name} alone says too little; write {CONTAINERS[name]}, say")
        raise self._refused(node, name)

    def _define(self, statement: ast.stmt) -> None:
        """Notes a name of the file's own, or one of the typing module's."""
        if isinstance(statement, ast.ClassDef):
            self._own[statement.name] = statement
        elif isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            if isinstance(statement.targets[0], ast.Name):
                self._own[statement.targets[0].id] = statement.value
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            if statement.value is not None:
                self._own[statement.target.id] = statement.value
        elif isinstance(statement, ast.ImportFrom) and _is_typing(statement.module):
            self._imported |= {each.asname or each.name: each.name for each in statement.names}
        elif isinstance(statement, ast.Import):
            self._typing |= {
                each.asname or each.name for each in statement.names if _is_typing(each.name)
            }

    def _name(self, node: ast.expr) -> str:
        """What a name stands for; its source text where it is none that is known."""
        if isinstance(node, ast.Name):
            name = self._imported.get(node.id, node.id)
            imported = node.id in self._imported or "*" in self._imported
            if name in (*SPECIAL, *TYPING) and not imported:
                raise self.wrong(node, f"{name} is not imported; write from typing import {name}")
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) in self._typing:
            name = node.attr
        else:
            return ast.unparse(node)
        return TYPING.get(name, name)

    def _unquoted(self, node: ast.expr, text: str) -> ast.expr:
        """An annotation that is written as a string."""
        try:
            found = ast.parse(text.strip(), mode="eval").body
        except (SyntaxError, ValueError):
            raise self._refused(node, ast.unparse(node)) from None
        for each in ast.walk(found):
            ast.copy_location(each, node)
        return found

    def _own_type(self, node: ast.expr, name: str) -> Schema:
        """A TypedDict of the file, or another name for a type."""
        if name in self._open:
            raise self.wrong(node, f"{name} holds itself, which a tool's argument may not")
        meaning = self._own[name]
        self._open.append(name)
        made = (
            self._typed_dict(meaning)
            if isinstance(meaning, ast.ClassDef)
            else self.schema(ast.copy_location(meaning, node))
        )
        self._open.pop()
        return made

    def _subscript(self, node: ast.Subscript) -> Schema:
        name = self._name(node.value)
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if name == "Literal":
            return self._literal(node, parts)
        if name == "Annotated":
            return self._annotated(node, parts)
        if name == "Union" or (name == "Optional" and len(parts) == 1):
            return self._union(
                node, [*parts, *([ast.Constant(None)] if name == "Optional" else [])]
            )
        if name == "list" and len(parts) == 1:
            return {"type": "array", "items": self.schema(parts[0])}
        if name == "dict" and len(parts) == 2:
            if self.schema(parts[0]) != {"type": "string"}:
                raise self.wrong(
                    node, "the keys of an object in JSON are text; write dict[str, ...]"
                )
            return {"type": "object", "additionalProperties": self.schema(parts[1])}
        raise self._refused(node, name)

    def _literal(self, node: ast.expr, parts: Sequence[ast.expr]) -> Schema:
        values: list[Any] = []
        for part in parts:
            value = literal(part)
            if not isinstance(value, str | int | None):
                raise self.wrong(
                    node,
                    f"Literal[{ast.unparse(part)}]: only texts, integers, True, "
                    "False and None have a form in JSON",
                )
            values.append(value)
        names = [SIMPLE[type(each).__name__ if each is not None else "None"] for each in values]
        types = list(dict.fromkeys(names))
        return {"type": types[0] if len(types) == 1 else types, "enum": values}

    def _union(self, node: ast.expr, parts: Sequence[ast.expr]) -> Schema:
        """Scalar types become one list of types, the usual form; the rest becomes `anyOf`."""
        found: list[Schema] = []
        for part in parts:
            made = self.schema(part)
            if "description" in made:
                raise self.wrong(
                    node, "a description stands before the whole type: write Annotated[A | B, ...]"
                )
            found += made["anyOf"] if made.keys() == {"anyOf"} else [made]
        found = list({json.dumps(each): each for each in found}.values())
        rich = [each for each in found if each.keys() != {"type"}]
        if len(rich) > 1 or (rich and (len(found) > 2 or NULL not in found)):
            return {"anyOf": found}
        types = [
            name
            for each in found
            for name in (each["type"] if isinstance(each["type"], list) else [each["type"]])
        ]
        types = list(dict.fromkeys(sorted(types, key="null".__eq__)))  # null stands last
        made = {**(rich[0] if rich else {}), "type": types[0] if len(types) == 1 else types}
        if "enum" in made and None not in made["enum"]:
            made["enum"] = [*made["enum"], None]
        return made

    def _annotated(self, node: ast.expr, parts: Sequence[ast.expr]) -> Schema:
        made = self.schema(parts[0])
        for part in parts[1:]:
            value = literal(part)
            if isinstance(value, str):
                made["description"] = value.strip()
            elif isinstance(value, dict):
                made = self._narrowed(node, made, value)
            else:
                raise self.wrong(
                    node,
                    f"Annotated with {ast.unparse(part)}: write a description as a text, or "
                    'conditions as {"minimum": 1}',
                )
        if "description" in made:
            made["description"] = made.pop("description")  # the last key
        return made

    def _narrowed(self, node: ast.expr, schema: Schema, more: dict[Any, Any]) -> Schema:
        """The schema with further conditions."""
        types = schema.get("type", [])
        has = {types} if isinstance(types, str) else set(types)
        has |= {"number"} if "integer" in has else set()
        for keyword in more:
            if keyword not in KEYWORDS:
                known = ", ".join(KEYWORDS)
                raise self.wrong(node, f"Annotated with {keyword!r}: may be one of: {known}")
            if KEYWORDS[keyword] not in has:
                raise self.wrong(
                    node, f'"{keyword}" is for a {KEYWORDS[keyword]}, which this type is not'
                )
        narrowed = {**schema, **more}
        try:
            Draft202012Validator.check_schema(narrowed)
        except SchemaError as error:
            raise self.wrong(node, f"{ast.unparse(node)}: {error.message}") from None
        return narrowed

    def _typed_dict(self, node: ast.ClassDef) -> Schema:
        bases = [self._name(each) for each in node.bases]
        if bases != ["TypedDict"]:
            kinds = [self._name(each) for each in node.decorator_list] + bases
            hint = next((HINTS[kind] for kind in kinds if kind in HINTS), "make it a TypedDict")
            raise self.wrong(node, f"the class {node.name} has no form in JSON; {hint}")
        total = not any(
            each.arg == "total" and ast.unparse(each.value) == "False" for each in node.keywords
        )
        properties: Schema = {}
        required = []
        for statement in node.body:
            if isinstance(statement, ast.Pass) or _is_text(statement):
                continue
            if not (
                isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
            ):
                raise self.wrong(statement, f"{node.name}: only fields, as name: str, stand here")
            name, annotation, needed = statement.target.id, statement.annotation, total
            if isinstance(annotation, ast.Subscript):
                outer = self._name(annotation.value)
                if outer in ("NotRequired", "Required"):
                    annotation, needed = annotation.slice, outer == "Required"
            properties[name] = self.schema(annotation)
            required += [name] if needed else []
        return {
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": False,
        }

    def _refused(self, node: ast.expr, name: str) -> UsageError:
        last = name.rpartition(".")[2]
        hint = HINTS.get(last) or f"use {ALLOWED}"
        return self.wrong(node, f"the type {ast.unparse(node)} has no form in JSON; {hint}")


def without_null(schema: Schema) -> Schema:
    """A schema of other types and null, without null."""
    made = dict(schema)
    if isinstance(made.get("type"), list):
        types = [each for each in made["type"] if each != "null"]
        made["type"] = types[0] if len(types) == 1 else types
    if "enum" in made:
        made["enum"] = [each for each in made["enum"] if each is not None]
    if "anyOf" in made:
        made["anyOf"] = [each for each in map(without_null, made["anyOf"]) if each != NULL]
        if len(made["anyOf"]) == 1:
            made = made["anyOf"][0]
    return made


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """A file's own statements, those under `if TYPE_CHECKING` too."""
    for statement in body:
        if isinstance(statement, ast.If):
            yield from _statements(statement.body)
        else:
            yield statement


def _is_typing(module: str | None) -> bool:
    return module in ("typing", "typing_extensions")


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
