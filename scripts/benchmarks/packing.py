"""Times an epoch of images from files, and from the packed images of --pack_dir.

  python -m scripts.benchmarks.packing
  python -m scripts.benchmarks.packing --files=1000000 --image_size=32

Writes small JPEG files to a temporary folder below --folder. In processes of their own, reads one epoch of shuffled
batches from these files, packs them, and reads the same epoch from the packed images. Nothing else is trained or
computed. Compares the pixels of all batches, and fails if they are not the same. Writes README.md and packing.json to
--output.
"""
import dataclasses
import hashlib
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from typing import Any, Dict, Optional, Sequence, Tuple

import tensorflow.compat.v1 as tf

from dcgan_tf1.data import image_folder
from dcgan_tf1.model.inputs import BatchPlan
from dcgan_tf1.settings import cli, fields
from dcgan_tf1.util import pages, processor
from dcgan_tf1.util.device import create_session
from scripts.lib.arguments import existing_folder, integers, output_folder
from scripts.lib.machine import write_image_files
from scripts.lib.measurements import read_json, write_json, write_page
from scripts.lib.paths import ROOT

BATCH_SIZE = 128
_READERS = ('files', 'packing', 'packed')  # what a process reads; packing: packed images that it packs first
_INTRODUCTION = '''# Packed images

How fast can an image folder be read, from its files and from the packed images of `--pack_dir`
([guide](../../../docs/datasets.md#decode-the-images-only-once))?

Measured with small JPEG files (64×64 pixels), batches of %d, and TensorFlow %s. Every epoch is read by a process of its
own, which does nothing else; the files were in the cache of the system. The pixels of all batches were the same from
the files and from the packed images. Memory is that of the process; the list of the files is most of its growth.

'''
_HEADINGS = ('files', 'image size', 'from files, images/s', 'packing, s', 'size of the pack, GB',
             'start with a pack, s', 'packed, images/s', 'packed epoch, s', 'memory before → after the epoch, MiB',
             'processor', 'note')


@dataclasses.dataclass(frozen=True)
class PackingArguments(fields.Settings):
    """Arguments of this script."""

    files: Tuple[int, ...] = integers((10000, 200000), BATCH_SIZE, 'numbers of files')
    image_size: int = fields.integer(64, 8, 'height and width of the images')
    folder: str = existing_folder(tempfile.gettempdir(), 'where to create the temporary folder')
    output: str = output_folder('benchmarks', 'packing')
    note: str = fields.text('', 'what else the machine was doing')
    worker: Optional[str] = fields.choice(None, _READERS, 'for the processes that this script starts')


def _memory() -> float:
    """Resident memory of this process, in MiB."""
    with open('/proc/self/status') as file:
        return int(re.search(r'VmRSS:\s*(\d+) kB', file.read()).group(1)) / 1024


def read_epoch(reader: str, data_dir: str, pack_dir: str, image_size: int) -> Dict[str, Any]:
    """Reads all images once, in shuffled batches, in this process.

    Returns: seconds of the start (listing the files, and opening or packing them) and of the epoch, images, memory in
      MiB before and after the epoch and at most, and the checksum of all batches.
    """
    began = time.perf_counter()
    images = image_folder.load(data_dir, image_size, 3)
    if reader != 'files':
        images = images.packed_in(pack_dir)
    start = time.perf_counter() - began
    plan = BatchPlan('per_epoch', images.num_examples, BATCH_SIZE, 0)
    with tf.Graph().as_default(), create_session() as session:
        source = images.batches(plan.indices(tf.constant(0, tf.int64)))
        batch = source.get_next()
        session.run(source.initializer, source.feed)
        session.run(batch.op)  # the order of the epoch is made with its first batch
        before, began = _memory(), time.perf_counter()
        for _ in range(plan.steps_in(1) - 1):
            session.run(batch.op)
        seconds, after = time.perf_counter() - began, _memory()
        session.run(source.initializer, source.feed)
        digest = hashlib.md5()
        for _ in range(plan.steps_in(1)):
            digest.update(session.run(batch).tobytes())
    return {'start': start, 'seconds': seconds, 'images': images.num_examples - BATCH_SIZE, 'before': before,
            'after': after, 'most': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            'checksum': digest.hexdigest()}


def measure(count: int, image_size: int, folder: str) -> Dict[str, Any]:
    """Measures a folder of `count` files. Returns {reader: what `read_epoch` returns}, and the size of the pack."""
    results: Dict[str, Any] = {}
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        data_dir, pack_dir = (os.path.join(temporary, name) for name in ('files', 'pack'))
        os.mkdir(data_dir)
        write_image_files(data_dir, count)
        for reader in _READERS:
            print('%d files: %s' % (count, reader), file=sys.stderr, flush=True)
            results[reader] = json.loads(subprocess.check_output(
                [sys.executable, '-m', 'scripts.benchmarks.packing', '--worker=' + reader, '--folder=' + temporary,
                 '--image_size=%d' % image_size], cwd=ROOT))
        results['bytes'] = sum(os.path.getsize(os.path.join(pack_dir, name)) for name in os.listdir(pack_dir))
    checksums = {results[reader]['checksum'] for reader in _READERS}
    if len(checksums) > 1:
        sys.exit('error: the packed images are not those of the files: %s' % results)
    return results


def _row(result: Dict[str, Any]) -> Sequence[Any]:
    files, packed = result['files'], result['packed']
    return ['{:,}'.format(result['count']), '%d×%d' % (result['image_size'], result['image_size']),
            '{:,.0f}'.format(files['images'] / files['seconds']), round(result['packing']['start']),
            '%.2f' % (result['bytes'] / 1e9), '%.1f' % packed['start'],
            '{:,.0f}'.format(packed['images'] / packed['seconds']), '%.1f' % packed['seconds'],
            '%.0f → %.0f' % (packed['before'], packed['after']), result['processor'], result['note']]


def main(arguments: PackingArguments) -> int:
    """The script; returns the exit status."""
    if arguments.worker:
        data_dir, pack_dir = (os.path.join(arguments.folder, name) for name in ('files', 'pack'))
        print(json.dumps(read_epoch(arguments.worker, data_dir, pack_dir, arguments.image_size)))
        return 0
    os.makedirs(arguments.output, exist_ok=True)
    stored = os.path.join(arguments.output, 'packing.json')
    results = read_json(stored, [])
    for count in arguments.files:
        result = {'count': count, 'image_size': arguments.image_size, 'processor': processor.name(),
                  'note': arguments.note, **measure(count, arguments.image_size, arguments.folder)}
        results = [other for other in results if any(
            other[name] != result[name] for name in ('count', 'image_size', 'processor'))] + [result]
        results.sort(key=lambda result: (result['processor'], result['count'], result['image_size']))
        write_json(stored, results)
    text = _INTRODUCTION % (BATCH_SIZE, tf.__version__) + pages.markdown_table(_HEADINGS, list(map(_row, results)))
    write_page(arguments.output, text)
    print(text)
    return 0


if __name__ == '__main__':
    cli.main(main, PackingArguments)
