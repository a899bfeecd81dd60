"""Strategies for damaged files, JSON values and NumPy arrays."""
import io
import json
import struct
from typing import Any, Callable, Sequence, Tuple

import numpy as np
from hypothesis import strategies as st

EXTREMES = (0, 1, 127, 128, 255, 2 ** 15, 2 ** 16 - 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 63 - 1,
            2 ** 64 - 1)
_INTEGERS = [struct.pack(order + code, value) for code in 'BHIQ' for value in EXTREMES
             if value < 2 ** (8 * struct.calcsize(code)) for order in '<>']
_Draw = Callable[[st.SearchStrategy], Any]


def _flip(draw, content, start, end):
    if start < len(content):
        content[start] ^= 1 << draw(st.integers(0, 7))


def _truncate(draw, content, start, end):
    del content[start:]


def _set_integer(draw, content, start, end):
    number = draw(st.sampled_from(_INTEGERS))
    content[start:start + len(number)] = number


def _zero(draw, content, start, end):
    content[start:end] = bytes(end - start)


def _cut(draw, content, start, end):
    del content[start:end]


def _repeat(draw, content, start, end):
    content[start:start] = content[start:end]


def _insert(draw, content, start, end):
    content[start:start] = draw(st.binary(max_size=16))


def _overwrite(draw, content, start, end):
    new = draw(st.binary(max_size=16))
    content[start:start + len(new)] = new


_DAMAGES = (_flip, _truncate, _set_integer, _zero, _cut, _repeat, _insert, _overwrite)


@st.composite
def damaged(draw: _Draw, seeds: Sequence[bytes]) -> bytes:
    """One of the seeds with some damaged spans, mostly near an end, where formats keep headers and indexes."""
    content = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(1, 4))):
        size = len(content)
        start = draw(st.one_of(st.integers(0, min(size, 64)), st.integers(max(size - 64, 0), size),
                               st.integers(0, size)))
        end = min(size, start + draw(st.one_of(st.integers(1, 8), st.integers(1, size + 1))))
        draw(st.sampled_from(_DAMAGES))(draw, content, start, end)
    return bytes(content)


# JSON values, many of them odd.
JSON = st.recursive(
    st.one_of(
        st.sampled_from([None, True, False, 0, 1, -1, 2, 1.5, 1e308, -0.0, '', '0', 'nan', 'batch', '../..', '\0',
                         '\ud800', 10 ** 400, -2 ** 63, float('nan'), float('inf')]),
        st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=5)


@st.composite
def altered_json(draw: _Draw, seed: Any) -> bytes:
    """The text of a JSON value with replaced or missing entries; or damaged text, or another value."""
    if draw(st.integers(0, 3)) == 0:
        return draw(st.one_of(
            damaged([json.dumps(seed).encode()]), JSON.map(lambda value: json.dumps(value).encode()),
            st.sampled_from([b'[' * 10 ** 5, b'{"flags":' * 10 ** 5, b'9' * 10 ** 4])))
    value = json.loads(json.dumps(seed))
    for _ in range(draw(st.integers(1, 3))):
        _alter(draw, value)
    return json.dumps(value).encode()


def _alter(draw, value):
    """Replaces or removes one entry of a list or dict, or of one inside it."""
    while True:
        keys = sorted(value) if isinstance(value, dict) else range(len(value))
        if not len(keys):
            return
        key = draw(st.sampled_from(keys))
        if isinstance(value[key], (dict, list)) and draw(st.integers(0, 4)):
            value = value[key]
            continue
        if draw(st.integers(0, 4)):
            value[key] = draw(JSON)
        else:
            del value[key]
        return


def npy(array: np.ndarray) -> bytes:
    """A .npy file. Objects are pickled: readers must not unpickle them."""
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npz(**arrays: np.ndarray) -> bytes:
    """A .npz file."""
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def npy_with_header(header: str, body: bytes = b'', version: int = 1, length: Any = None) -> bytes:
    """A .npy file with an arbitrary header; `length` is the header's length that the file claims."""
    content = header.encode()
    length = len(content) if length is None else length
    bits, code = (16, '<H') if version == 1 else (32, '<I')
    return b'\x93NUMPY' + bytes([version, 0]) + struct.pack(code, length % 2 ** bits) + content + body


# No long doubles: six of their bytes have no meaning.
_DTYPES = ['f4', 'f8', 'f2', 'c16', '>f4', 'u1', '>u2', 'i8', 'b1', 'c8', 'S3', 'U3', 'M8[s]', 'V4', 'O',
           [('a', 'f4'), ('b', 'O')], [('a', 'f4')], ('f4', (2,))]
_CLAIMED_DTYPES = ["'<f4'", "'|u1'", "'|O'", "'<U1000000000'", "'<f4', 1", "[('a', '<f4', (9999999, 99999))]",
                   "'|V2147483647'"]
_BROKEN_HEADERS = ['(' * 5000, '-' * 9000 + '1', '[' * 99, '{}', '1', "{'descr': '<f4'}", '9' * 9000,
                   "{'descr': '<f4', 'fortran_order': 'no', 'shape': 3}"]


@st.composite
def arrays(draw: _Draw, *shapes: Tuple[int, ...]) -> bytes:
    """.npy and .npz files: valid ones of these and other shapes and any type, damaged ones, absurd headers."""
    shape = draw(st.one_of(st.sampled_from(shapes), st.lists(st.integers(0, 4), max_size=5).map(tuple)))
    array = np.zeros(shape, draw(st.sampled_from(_DTYPES)))
    if array.dtype.kind in 'fiu' and array.size:
        value = draw(st.sampled_from([0, 1, -1, 0.5, float('nan'), float('inf'), 1e300, 255, 3e38, 1.0001]))
        with np.errstate(all='ignore'):
            array.flat[draw(st.integers(0, array.size - 1))] = np.float64(value).astype(array.dtype)
    if draw(st.booleans()):
        array = np.asfortranarray(array)
    kind = draw(st.sampled_from(['whole', 'damaged', 'damaged', 'npz', 'damaged npz', 'header', 'header']))
    if kind == 'damaged':
        return draw(damaged([npy(array)]))
    if kind == 'npz':
        return npz(a=array)
    if kind == 'damaged npz':
        return draw(damaged([npz(a=array)]))
    return draw(_absurd_headers()) if kind == 'header' else npy(array)


@st.composite
def _absurd_headers(draw: _Draw) -> bytes:
    number = st.one_of(st.sampled_from(EXTREMES), st.integers()).map(str)
    shape = draw(st.lists(number, max_size=6).map(lambda sizes: '(%s)' % ''.join(size + ', ' for size in sizes)))
    claimed = st.sampled_from(_CLAIMED_DTYPES).map(
        lambda dtype: "{'descr': %s, 'fortran_order': False, 'shape': %s}\n" % (dtype, shape))
    header = draw(st.one_of(claimed, st.sampled_from(_BROKEN_HEADERS), st.text(max_size=40)))
    return npy_with_header(header, bytes(draw(st.integers(0, 64))), draw(st.sampled_from([1, 2, 3, 4])),
                           draw(st.one_of(st.none(), st.integers(0, 2 ** 32 - 1))))
