"""Arrow schemas and tables from the record types, and back.

The mapping is small on purpose: str, int, float, bool, optional of these, tuples, nested records,
and one-dimensional numpy arrays, which stay arrays on both ways (a row of 131,072 ids is never a
Python list).

Both ways go column by column. pyarrow's own way, a dict for every record, costs ten times more: it
is the reference in the tests.
"""

from __future__ import annotations

import functools
import itertools
import operator
import sys
import types
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np
import pyarrow as pa
from msgspec import Struct

from kappa_data.records import AS_BYTES

R = TypeVar("R", bound=Struct)

ARRAYS: dict[type[np.generic], pa.DataType] = {np.int32: pa.int32(), np.int8: pa.int8()}
SCALARS: dict[object, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
}


class _Column(Struct, frozen=True):
    """How one type stands in a column: as a scalar, a list of `item`, an array or a record.

    An array is a list in the file, which everybody reads; marked AS_BYTES it is one value of raw
    bytes, little endian, which is written and read three times as fast.
    """

    kind: pa.DataType
    blank: Any = None  # stands where the record around it is null
    nullable: bool = False
    array: type[np.generic] | None = None
    item: _Column | None = None
    record: type[Struct] | None = None


@functools.cache
def schema(record: type[Struct]) -> pa.Schema:
    """The Arrow schema of a record type; TypeError for a field that has no column form."""
    return pa.schema(_fields(record))


def table(records: Sequence[R], record: type[R]) -> pa.Table:
    """A table with one row per record."""
    convert_without_pandas()
    return pa.Table.from_arrays(_arrays_of(records, record), schema=schema(record))


def records(batch: pa.RecordBatch, record: type[R]) -> list[R]:
    """The records of a batch, in order; ValueError where its columns are not those of the type."""
    convert_without_pandas()
    if not batch.schema.equals(schema(record)):
        raise ValueError(f"its columns are not those of {record.__name__}")
    columns = [_values(batch.column(name), column) for name, column in _columns(record).items()]
    return list(map(record, *columns))


@functools.cache
def array_fields(record: type[Struct]) -> tuple[str, ...]:
    """Names of the fields that are numpy arrays."""
    return tuple(name for name, column in _columns(record).items() if column.array)


@functools.cache
def byte_fields(record: type[Struct]) -> tuple[str, ...]:
    """Names of the fields that are arrays and stand as bytes."""
    return tuple(name for name, column in _columns(record).items() if column.kind == pa.binary())


def _arrays_of(records: Sequence[Struct | None], record: type[Struct]) -> list[pa.Array]:
    """One Arrow array a field; a record that is None is null throughout."""
    arrays, nulls = [], None in records
    for name, column in _columns(record).items():
        get = operator.attrgetter(name)
        values = (
            [column.blank if each is None else get(each) for each in records]
            if nulls
            else list(map(get, records))
        )
        arrays.append(_array(values, column))
    return arrays


def _array(values: Sequence[Any], column: _Column) -> pa.Array:
    if column.record is not None:
        mask = pa.array([each is None for each in values], pa.bool_()) if column.nullable else None
        fields = _fields(column.record)
        return pa.StructArray.from_arrays(
            _arrays_of(values, column.record), fields=fields, mask=mask
        )
    if column.item is None:
        return pa.array(values, type=column.kind)
    if column.kind == pa.binary():
        return pa.array([each.astype(column.array, copy=False).tobytes() for each in values])
    offsets = np.fromiter(itertools.accumulate(map(len, values), initial=0), dtype=np.int32)
    if column.array is not None:
        whole = np.concatenate(values) if len(values) > 1 else (values or [()])[0]
        flat = pa.array(np.asarray(whole, column.array), column.item.kind)
    else:
        flat = _array(list(itertools.chain.from_iterable(values)), column.item)
    return pa.ListArray.from_arrays(offsets, flat, type=column.kind)


def _values(array: pa.Array, column: _Column) -> list[Any]:
    if column.record is not None:
        children = [
            _values(child, inner)
            for child, inner in zip(array.flatten(), _columns(column.record).values(), strict=True)
        ]
        made = map(column.record, *children)
        if not array.null_count:
            return list(made)
        return [each if valid else None for each, valid in zip(made, array.is_valid(), strict=True)]
    if column.item is None:
        values: list[Any] = array.to_pylist()
        return values
    if column.kind == pa.binary():
        _, ends, data = array.buffers()
        places = np.frombuffer(ends, dtype=np.int32)[array.offset : array.offset + len(array) + 1]
        return [
            np.frombuffer(
                data, column.array, (end - start) // np.dtype(column.array).itemsize, start
            )
            for start, end in itertools.pairwise(places.tolist())
        ]
    offsets = array.offsets.to_numpy()
    items = array.values[offsets[0] : offsets[-1]]
    flat: Any = (
        items.to_numpy(zero_copy_only=True)
        if column.array is not None
        else tuple(_values(items, column.item))
    )
    return [flat[start:end] for start, end in itertools.pairwise((offsets - offsets[0]).tolist())]


@functools.cache
def _columns(record: type[Struct]) -> dict[str, _Column]:
    hints = get_type_hints(record, include_extras=True)
    return {name: _column(hints[name]) for name in record.__struct_fields__}


def _fields(record: type[Struct]) -> list[pa.Field]:
    return [
        pa.field(name, column.kind, nullable=column.nullable)
        for name, column in _columns(record).items()
    ]


def _column(hint: Any) -> _Column:
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        found = _column(args[0])
        if AS_BYTES in args:
            return _Column(pa.binary(), blank=(), array=found.array, item=found.item)
        return found
    if origin in (Union, types.UnionType):
        (inner,) = (_column(each) for each in args if each is not type(None))
        if inner.item is not None:
            raise TypeError(f"{hint!r}: a list is never null; an empty one is its only absence")
        return _Column(inner.kind, nullable=True, record=inner.record)
    if origin is Literal:
        return _column(type(args[0]))
    if origin is tuple and len(args) == 2 and args[1] is Ellipsis:
        item = _column(args[0])
        return _Column(pa.list_(item.kind), blank=(), item=item)
    if origin is np.ndarray:
        element: type[np.generic] = get_args(args[1])[0]
        kind = ARRAYS[element]
        return _Column(pa.list_(kind), blank=(), array=element, item=_Column(kind))
    if isinstance(hint, type) and issubclass(hint, Struct):
        return _Column(pa.struct(_fields(hint)), record=hint)
    if hint in SCALARS:
        return _Column(SCALARS[hint], blank=hint())
    raise TypeError(f"{hint!r} has no column form; keep it as JSON text")


class _NoPandas:
    """Says that there is no pandas."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """As `sys.meta_path` asks it; None: look elsewhere."""
        if name == "pandas":
            raise ModuleNotFoundError(name)
        return None


@functools.cache
def convert_without_pandas() -> None:
    """Lets pyarrow look for pandas once, in vain.

    At the first list that it converts it imports pandas, if there is one, to know a Series when it
    sees one: a third of a second and 40 MB a process, for what no stage has. Who needs pandas later
    imports it, and `to_pandas` does too.
    """
    sys.meta_path.insert(0, _NoPandas)
    try:
        pa.array([True])
    finally:
        sys.meta_path.remove(_NoPandas)
