"""TFRecord files whose records are examples with an encoded image, as TensorFlow's tools for datasets write them."""
import filecmp
import os
import re
import struct
from typing import Dict, Generator, Iterator, List, Optional, Sequence, Set

import tensorflow.compat.v1 as tf

from dcgan_tf1.data._decode import DecodeOptions, leads_out
from dcgan_tf1.data._walk import File, list_files, size_and_time
from dcgan_tf1.data.image_folder import ImageFolder
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.log import log

HOLDOUT = 0
_FEATURES = ('image/encoded', 'image')  # the first is the usual name; TensorFlow Datasets writes the second
# Not the files of checkpoints.
_NAMES = re.compile(r'[.]tfrec(ords?)?$|[.-]tfrecords?-\d+-of-\d+$|(?<![.]data)-\d{5}-of-\d{5}$')
_SHARD = re.compile(r'[-_](\d+)[-_]of[-_](\d+)(?!\d)')
# A record: the length of its content, the checksum of this length, the content, the checksum of the content.
_HEADER, _FOOTER_SIZE = struct.Struct('<QI'), 4
_COMPRESSED = (b'\x1f\x8b', b'\x78\x01', b'\x78\x5e', b'\x78\x9c', b'\x78\xda')  # the beginnings of gzip and zlib


def load(data_dir: Optional[str] = None, image_size: int = 64, channels: int = 3, center_crop: bool = False,
         antialias: bool = True, skip_unreadable: bool = False, follow_links: bool = False,
         fast_jpeg: bool = True) -> ImageFolder:
    """Lists all records of the TFRecord files below a folder, ordered by path. Nothing is decoded yet.

    Arguments are those of `image_folder.load`.
    Raises: UserError if the folder contains no such files, or one is damaged or may not be read.
    """
    source = '--data_dir=%s' % (data_dir or '')
    if data_dir is None:
        raise UserError('--dataset=tfrecords needs a folder of TFRecord files: name it with --data_dir')
    if not os.path.isdir(data_dir):
        raise UserError('%s is not a folder: --dataset=tfrecords needs a folder of TFRecord files' % source)
    try:
        names = [name for name in list_files(data_dir) if _NAMES.search(name)]
        for name in names:
            if not follow_links and leads_out(os.path.join(data_dir, name), data_dir):
                raise UserError('%s is a link to a file outside of %s: remove it, or read it with --follow_links'
                                % (os.path.join(data_dir, name), source))
        records = [record for name in names for record in _records(data_dir, name)]
        remarks = [*_missing_shards(names), *_copies(data_dir, names)]
    except OSError as error:
        raise UserError('%s cannot be read (%s): name a folder that you can read'
                        % (error.filename or source, error.strerror)) from error
    if not records:
        raise UserError('%s contains no record in a file that ends in .tfrecord or -00000-of-00001: name a folder of '
                        'TFRecord files' % source)
    options = DecodeOptions(image_size, channels, center_crop, antialias, follow_links, fast_jpeg)
    for remark in remarks:
        log.warning('%s: %s', source, remark)
    return _Records(data_dir, records, options, skip_unreadable, '')


class _Records(ImageFolder):
    """Encoded images in TFRecord files, which are read when they are needed. The name of a record is FILE#NUMBER."""

    _ADVICE = 'skip such records with --skip_unreadable'

    def classes(self) -> List[str]:
        """For every image, the name of its file without the number of a shard."""
        return [_SHARD.sub('', file.name.rpartition('#')[0]) for file in self._files]

    def _container(self, file: File) -> str:
        return self._path(file).rpartition('#')[0]

    def _content(self, file: File) -> bytes:
        with open(self._container(file), 'rb', buffering=0) as stream:
            stream.seek(file.offset)
            content = stream.read(file.size)
        features = tf.train.Example.FromString(content).features.feature
        for name in _FEATURES:
            if name in features and len(features[name].bytes_list.value) == 1:
                return features[name].bytes_list.value[0]
        raise ValueError('it has no %s, but %s' % (_FEATURES[0], ', '.join(sorted(features)) or 'nothing'))


def _missing_shards(names: Sequence[str]) -> Iterator[str]:
    """Says which shards of a set are missing, and which sets are there in several partitions."""
    shards: Dict[str, Dict[int, Set[int]]] = {}  # name without numbers → number of shards → those that are there
    for name in names:
        match = _SHARD.search(name)
        if match:
            sets = shards.setdefault(_SHARD.sub('', name), {})
            sets.setdefault(int(match.group(2)), set()).add(int(match.group(1)))
    for name, sets in shards.items():
        for total, present in sets.items():
            missing = total - len(present)
            first = next((number for number in range(total) if number not in present), 0)
            if missing > 0:
                yield '%d of the %d shards of %s are missing, among them number %d' % (missing, total, name, first)
        if len(sets) > 1:
            yield '%s is there several times: as %s shards' % (name, ' and as '.join(map(str, sorted(sets))))


def _copies(folder: str, names: Sequence[str]) -> Iterator[str]:
    """Says which files are copies of others."""
    same_size: Dict[int, List[str]] = {}
    for name in names:
        path = os.path.join(folder, name)
        others = same_size.setdefault(os.path.getsize(path), [])
        other = next((other for other in others if filecmp.cmp(os.path.join(folder, other), path, shallow=False)), None)
        if other and os.path.getsize(path):
            yield '%s is a copy of %s: its images are there twice' % (name, other)
        else:
            others.append(name)


def _records(folder: str, name: str) -> Generator[File, None, None]:
    """The records of a file. Reads only their headers; the content is checked when it is decoded."""
    path = os.path.join(folder, name)
    size, modified = size_and_time(path)
    with open(path, 'rb', buffering=0) as stream:
        position, number = 0, 0
        while position < size:
            stream.seek(position)
            header = stream.read(_HEADER.size)
            begin, reason = position + _HEADER.size, ''
            if len(header) < _HEADER.size:
                reason = 'it is cut'
            else:
                length, checksum = _HEADER.unpack(header)
                position = begin + length + _FOOTER_SIZE
                if checksum != _masked_crc(header[:8]):
                    is_compressed = number == 0 and header.startswith(_COMPRESSED)
                    reason = 'it is compressed' if is_compressed else 'the header of record %d is wrong' % number
                elif position > size:
                    reason = 'it is cut'
            if reason:
                raise UserError('%s cannot be read as a TFRecord file (%s): restore it as TensorFlow writes it, '
                                'without compression' % (path, reason))
            # With nine digits, the order of the names is that of the records.
            yield File('%s#%09d' % (name, number), length, modified, offset=begin)
            number += 1


def _make_table() -> List[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


_TABLE = _make_table()


def _masked_crc(content: bytes) -> int:
    """The CRC-32C of some bytes, masked as TFRecord files mask it."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 255]
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
