"""Arrow schemas and tables from the record types, and back.

The mapping is small on purpose: str, int, float, bool, optional of these, tuples, nested records,
and one-dimensional numpy arrays, which stay arrays on both ways (a row of 131,072 ids is never a
Python list).
"""

from __future__ import annotations

import functools
import itertools
import types
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec
import numpy as np
import pyarrow as pa
from msgspec import Struct

R = TypeVar("R", bound=Struct)

ARRAYS: dict[type[np.generic], pa.DataType] = {np.int32: pa.int32(), np.int8: pa.int8()}
SCALARS: dict[object, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
}


@functools.cache
def schema(record: type[Struct]) -> pa.Schema:
    """The Arrow schema of a record type; TypeError for a field that has no column form."""
    return pa.schema(_fields(record))


def table(records: Sequence[R], record: type[R]) -> pa.Table:
    """A table with one row per record."""
    if array_fields(record):
        columns = [
            pa.array([getattr(each, field.name) for each in records], type=field.type)
            for field in schema(record)
        ]
        return pa.Table.from_arrays(columns, schema=schema(record))
    rows = [msgspec.to_builtins(each) for each in records]
    return pa.Table.from_pylist(rows, schema=schema(record))


def records(batch: pa.RecordBatch, record: type[R]) -> Iterator[R]:
    """The records of a batch; msgspec.ValidationError where a row is not one."""
    arrays = array_fields(record)
    if not arrays:
        for row in batch.to_pylist():
            yield msgspec.convert(row, record)
        return
    plain = batch.drop_columns(list(arrays)).to_pylist()
    slices = {name: _slices(batch.column(name)) for name in arrays}
    for row in plain:
        values = {k: tuple(v) if isinstance(v, list) else v for k, v in row.items()}
        yield record(**values, **{name: next(each) for name, each in slices.items()})


@functools.cache
def array_fields(record: type[Struct]) -> tuple[str, ...]:
    """Names of the fields that are numpy arrays."""
    hints = get_type_hints(record)
    return tuple(name for name, hint in hints.items() if _is_array(hint))


def _slices(column: pa.ListArray) -> Iterator[np.ndarray]:
    values = column.values.to_numpy(zero_copy_only=True)
    offsets = column.offsets.to_numpy()
    for start, end in itertools.pairwise(offsets):
        yield values[start:end]


def _fields(record: type[Struct]) -> list[pa.Field]:
    hints = get_type_hints(record, include_extras=True)
    return [_field(name, hints[name]) for name in record.__struct_fields__]


def _field(name: str, hint: Any) -> pa.Field:
    kind, nullable = _type(hint)
    return pa.field(name, kind, nullable=nullable)


def _type(hint: Any) -> tuple[pa.DataType, bool]:
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _type(args[0])
    if origin in (Union, types.UnionType):
        (inner,) = (each for each in args if each is not type(None))
        return _type(inner)[0], True
    if origin is Literal:
        return SCALARS[type(args[0])], False
    if origin is tuple and len(args) == 2 and args[1] is Ellipsis:
        return pa.list_(_type(args[0])[0]), False
    if _is_array(hint):
        return pa.list_(ARRAYS[get_args(get_args(hint)[1])[0]]), False
    if isinstance(hint, type) and issubclass(hint, Struct):
        return pa.struct(_fields(hint)), False
    if hint in SCALARS:
        return SCALARS[hint], False
    raise TypeError(f"{hint!r} has no column form; keep it as JSON text")


def _is_array(hint: Any) -> bool:
    return get_origin(hint) is np.ndarray
