"""Fuzz targets: every reader of files, given damaged, absurd and hostile ones. `test_fuzz.py` runs them briefly,
`scripts/fuzz.py` at length.

A target writes what hypothesis draws to files and reads those as the program does. Right is: refused, by one line that
names the file or the flag; or accepted, where the data are what the file says. All else is an error: another exception,
another value, a process that ends or grows.
"""
import contextlib
import gzip
import hashlib
import io
import json
import os
import shutil
import struct
import warnings
import zipfile
import zlib
from unittest import mock

import numpy as np
import tensorflow.compat.v1 as tf
from hypothesis import strategies as st
from PIL import Image

from dcgan_tf1 import checkpoints, classifier, data, evaluate, loop, options, report, sample, sampler, standing
from dcgan_tf1.data import _idx, image_folder, mnist
from dcgan_tf1.errors import exit_status
from dcgan_tf1.run_folder import RunFolder

REFUSED = None
EXTREMES = (0, 1, 127, 128, 255, 2 ** 15, 2 ** 16 - 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 63 - 1, 2 ** 64 - 1)
INTEGERS = [struct.pack(order + kind, value) for kind in 'BHIQ' for value in EXTREMES
            if value < 2 ** (8 * struct.calcsize(kind)) for order in '<>']


def outcome(read, *names):
    """What a reader returns, or REFUSED. Asserts that a refusal is one line which holds one of these names."""
    made, told = [], io.StringIO()
    with contextlib.redirect_stderr(told), warnings.catch_warnings():
        warnings.simplefilter('ignore')
        status = exit_status(lambda: made.append(read()) or 0)
    if not status:
        return made[0]
    message = told.getvalue().rstrip('\n').split('error: ', 1)[-1]
    assert status == 1 and '\n' not in message, message
    assert any(' '.join(name.splitlines()) in message for name in names), message
    return REFUSED


@st.composite
def damaged(draw, seeds):
    """Bytes of one of the seeds with spans cut, flipped, zeroed, repeated, overwritten or put in; most often near an
    end, where formats keep what steers them.
    """
    content = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(1, 4))):
        size = len(content)
        start = draw(st.one_of(st.integers(0, min(size, 64)), st.integers(max(size - 64, 0), size),
                               st.integers(0, size)))
        end = min(size, start + draw(st.one_of(st.integers(1, 8), st.integers(1, size + 1))))
        kind = draw(st.sampled_from(('flip', 'truncate', 'integer', 'zero', 'cut', 'repeat', 'insert', 'overwrite')))
        if kind == 'flip' and start < size:
            content[start] ^= 1 << draw(st.integers(0, 7))
        elif kind == 'truncate':
            del content[start:]
        elif kind == 'integer':
            number = draw(st.sampled_from(INTEGERS))
            content[start:start + len(number)] = number
        elif kind == 'zero':
            content[start:end] = bytes(end - start)
        elif kind == 'cut':
            del content[start:end]
        elif kind == 'repeat':
            content[start:start] = content[start:end]
        elif kind in ('insert', 'overwrite'):
            new = draw(st.binary(max_size=16))
            content[start:start + (len(new) if kind == 'overwrite' else 0)] = new
    return bytes(content)


# What JSON can hold, much of it odd.
JSON = st.recursive(st.one_of(
    st.sampled_from([None, True, False, 0, 1, -1, 2, 1.5, 1e308, -0.0, '', '0', 'nan', 'batch', '../..', '\0', '\ud800',
                     10 ** 400, -2 ** 63, float('nan'), float('inf')]),
    st.integers(), st.floats(), st.text(max_size=8)), lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)), max_leaves=5)


@st.composite
def altered_json(draw, seed):
    """The text of a JSON value in which some places hold something else, or nothing; or of damaged bytes, or of another
    value.
    """
    if draw(st.integers(0, 3)) == 0:
        return draw(st.one_of(damaged([json.dumps(seed).encode()]), JSON.map(lambda value: json.dumps(value).encode()),
                              st.sampled_from([b'[' * 10 ** 5, b'{"flags":' * 10 ** 5, b'9' * 10 ** 4])))
    seed = json.loads(json.dumps(seed))
    for _ in range(draw(st.integers(1, 3))):
        place = seed
        while True:
            keys = sorted(place) if isinstance(place, dict) else range(len(place))
            if not len(keys):
                break
            key = draw(st.sampled_from(keys))
            if isinstance(place[key], (dict, list)) and draw(st.integers(0, 4)):
                place = place[key]
                continue
            if draw(st.integers(0, 4)):
                place[key] = draw(JSON)
            else:
                del place[key]
            break
    return json.dumps(seed).encode()


def npy(array):
    file = io.BytesIO()
    np.save(file, array)  # pickles what it must: the readers are not to unpickle it
    return file.getvalue()


def npz(**arrays):
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def npy_with(header, body=b'', version=1, length=None):
    """A .npy file of this header, a text, whatever it says."""
    header = header.encode()
    length = len(header) if length is None else length
    return b'\x93NUMPY' + bytes([version, 0]) + struct.pack('<H' if version == 1 else '<I', length % 2 ** (
        16 if version == 1 else 32)) + header + body


@st.composite
def arrays(draw, *shapes):
    """Bytes of .npy (or .npz) files: whole ones of these and other shapes and of any type, damaged ones, and such whose
    header claims anything.
    """
    shape = draw(st.one_of(st.sampled_from(shapes), st.lists(st.integers(0, 4), max_size=5).map(tuple)))
    # No long doubles: six of their bytes are of no account, and of any value.
    kind = draw(st.sampled_from(['f4', 'f8', 'f2', 'c16', '>f4', 'u1', '>u2', 'i8', 'b1', 'c8', 'S3', 'U3', 'M8[s]',
                                 'V4', 'O', [('a', 'f4'), ('b', 'O')], [('a', 'f4')], ('f4', (2,))]))
    array = np.zeros(shape, kind)
    if array.dtype.kind in 'fiu' and array.size:
        filling = draw(st.sampled_from([0, 1, -1, 0.5, float('nan'), float('inf'), 1e300, 255, 3e38, 1.0001]))
        with np.errstate(all='ignore'):
            array.flat[draw(st.integers(0, array.size - 1))] = np.float64(filling).astype(array.dtype)
    if draw(st.booleans()):
        array = np.asfortranarray(array)
    whole = npy(array)
    how = draw(st.sampled_from(['whole', 'damaged', 'damaged', 'npz', 'damaged npz', 'header', 'header']))
    if how == 'damaged':
        return draw(damaged([whole]))
    if 'npz' in how:
        return draw(damaged([npz(a=array)])) if 'damaged' in how else npz(a=array)
    if how == 'header':
        number = st.one_of(st.sampled_from(EXTREMES), st.integers()).map(str)
        shape = draw(st.lists(number, max_size=6).map(lambda sizes: '(%s)' % ''.join(size + ', ' for size in sizes)))
        text = draw(st.one_of(
            st.sampled_from(["'<f4'", "'|u1'", "'|O'", "'<U1000000000'", "'<f4', 1", "[('a', '<f4', (9999999, 99999))]",
                             "'|V2147483647'"]).map(
                lambda kind: "{'descr': %s, 'fortran_order': False, 'shape': %s}\n" % (kind, shape)),
            st.sampled_from(['(' * 5000, '-' * 9000 + '1', '[' * 99, '{}', '1', "{'descr': '<f4'}", '9' * 9000,
                             "{'descr': '<f4', 'fortran_order': 'no', 'shape': 3}"]), st.text(max_size=40)))
        return npy_with(text, bytes(draw(st.integers(0, 64))), draw(st.sampled_from([1, 2, 3, 4])),
                        draw(st.one_of(st.none(), st.integers(0, 2 ** 32 - 1))))
    return whole


class Target:
    """A reader. `inputs`: the strategy; `read` (of what it drew) → whether that was accepted, AssertionError where
    what it gave is wrong. `share`: of the inputs of a quick target, how many this one gets.
    """
    share = 1.

    def __init__(self, folder):
        """`folder`: an empty one, for files."""
        self.folder = folder

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def write(self, content, *names):
        path = self.path(*names)
        with open(path, 'wb') as file:
            file.write(content)
        return path


class Idx(Target):
    """--data_dir of mnist and fashion_mnist (made small): images and labels in IDX files, gzip'd and not."""
    IMAGES = np.random.RandomState(0).randint(0, 256, (12, 28, 28)).astype(np.uint8)
    LABELS = (np.arange(12) % 10).astype(np.uint8)

    def __init__(self, folder):
        super().__init__(folder)
        contents = {_idx.TRAIN: struct.pack('>4I', 2051, 12, 28, 28) + self.IMAGES.tobytes(),
                    _idx.TRAIN_LABELS: struct.pack('>2I', 2049, 12) + self.LABELS.tobytes()}
        self.contents = contents
        self.bomb = gzip.compress(bytes(2 ** 26))
        known = {file: hashlib.md5(content).hexdigest() for file, content in contents.items()}
        self.zipped = {file: gzip.compress(content) for file, content in contents.items()}
        of_zipped = {file: hashlib.md5(content).hexdigest() for file, content in self.zipped.items()}
        self.sources = (_idx.Source('mnist', known, {}, None, None),
                        _idx.Source('fashion_mnist', {_idx.TRAIN: known[_idx.TRAIN]}, of_zipped, None, None))
        header = st.tuples(st.sampled_from([2048, 2049, 2050, 2051, 0x0d03, 0, 2 ** 32 - 1]), st.lists(
            st.sampled_from([*EXTREMES[:-2], 12, 28, 784]), max_size=4), st.binary(max_size=40)).map(
                lambda parts: struct.pack('>%dI' % (1 + len(parts[1])), parts[0], *parts[1]) + parts[2])
        drawn = []
        for file, content in contents.items():
            raw = st.one_of(damaged([content]), header, header.map(lambda text, rest=content: text + rest),
                            st.binary(max_size=60), st.just(content))
            compressed = st.one_of(
                raw.map(lambda text: gzip.compress(text, 1)), damaged([self.zipped[file]]), st.integers(1, 30).map(
                    lambda times, whole=self.zipped[file]: whole + times * self.bomb),
                st.integers(1, 30).map(lambda times: times * self.bomb),
                st.integers(1, 2 ** 20).map(lambda count, whole=self.zipped[file]: whole + bytes(count)))
            drawn += [st.tuples(st.just(file), raw), st.tuples(st.just(file + '.gz'), compressed)]
        self.inputs = st.tuples(st.sampled_from(self.sources), st.one_of(drawn))

    def read(self, drawn):
        source, (name, content) = drawn
        file = name.replace('.gz', '')
        for other, whole in self.zipped.items():
            for suffix in ('', '.gz'):
                with contextlib.suppress(OSError):
                    os.remove(self.path(other + suffix))
            if other != file:
                self.write(whole, other + '.gz')
        path = self.write(content, name)
        with mock.patch.dict(_idx.SHAPES, {_idx.TRAIN: self.IMAGES.shape, _idx.TRAIN_LABELS: self.LABELS.shape}):
            made = outcome(lambda: _idx._labelled(source, self.folder, _idx.TRAIN, _idx.TRAIN_LABELS), path)
        if made is not REFUSED:
            np.testing.assert_array_equal(made.images.pixels[..., 0], self.IMAGES)
            np.testing.assert_array_equal(made.labels, self.LABELS)
        return made is not REFUSED


class KerasNpz(Target):
    """Keras's copy of MNIST (made small)."""

    def __init__(self, folder):
        super().__init__(folder)
        whole = npz(x_train=Idx.IMAGES, y_train=Idx.LABELS)
        self.source = mnist._SOURCE._replace(md5={_idx.TRAIN: data.idx_md5(Idx.IMAGES)})
        self.inputs = st.one_of(damaged([whole]), arrays((12, 28, 28)), arrays((12, 28, 28)).map(self._zip))

    @staticmethod
    def _zip(content):
        file = io.BytesIO()
        with zipfile.ZipFile(file, 'w', zipfile.ZIP_DEFLATED) as archive:
            archive.writestr('x_train.npy', content)
        return file.getvalue()

    def read(self, drawn):
        path = self.write(drawn, 'mnist.npz')
        with mock.patch.dict(_idx.SHAPES, {_idx.TRAIN: Idx.IMAGES.shape}), mock.patch.object(
                _idx, '_keras_path', lambda *_: path):
            made = outcome(lambda: _idx.load(self.source, None), path)
        if made is not REFUSED:
            np.testing.assert_array_equal(made.pixels[..., 0], Idx.IMAGES)
        return made is not REFUSED


def encoded(image, kind, **how):
    file = io.BytesIO()
    image.save(file, kind, **how)
    return file.getvalue()


def png_of(width, height, depth=8, colour=0, body=b'', more=b''):
    """A PNG file whose header says this, with right checksums; `body` is what its pixels inflate from."""
    def chunk(kind, content):
        return struct.pack('>I', len(content)) + kind + content + struct.pack('>I', zlib.crc32(kind + content))
    return (b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>2I5B', width, height, depth, colour, 0, 0, 0)) + more
            + chunk(b'IDAT', body) + chunk(b'IEND', b''))


class Images(Target):
    """--dataset=image_folder: damaged files, and such of other formats under a picture's name."""

    def __init__(self, folder):
        super().__init__(folder)
        pixels = np.random.RandomState(0).randint(0, 256, (13, 11, 4)).astype(np.uint8)
        grey, colour, clear = (Image.fromarray(part) for part in (pixels[..., 0], pixels[..., :3], pixels))
        palette = colour.quantize(16)
        sixteen = Image.fromarray(pixels[..., 0].astype(np.uint16) * 256)
        self.png = [encoded(image, 'PNG') for image in (grey, colour, clear, palette, grey.convert('1'), sixteen)] + [
            encoded(palette, 'PNG', transparency=3)]
        others = [encoded(image, 'JPEG', **how) for image in (grey, colour, colour.convert('CMYK'))
                  for how in ({}, {'progressive': True})]
        others += [encoded(palette, 'GIF'), encoded(palette, 'GIF', transparency=2), encoded(
            palette, 'GIF', save_all=True, append_images=[palette.rotate(90)]), *(
                encoded(image, 'BMP') for image in (grey, colour, clear, grey.convert('1')))]
        foreign = [encoded(colour, kind) for kind in ('EPS', 'TIFF', 'PPM', 'ICO', 'PCX', 'TGA', 'PDF', 'DIB')]
        zeros = zlib.compress(bytes(2 ** 27))
        sizes = st.sampled_from([*EXTREMES[:10], 10 ** 4, 2 * 10 ** 4, 65535])
        absurd = st.builds(png_of, sizes, sizes, st.sampled_from([1, 8, 16]), st.sampled_from([0, 2, 3, 4, 6]),
                           st.just(zeros))
        text = png_of(8, 8, body=zlib.compress(bytes(72)), more=b''.join(
            struct.pack('>I', len(content)) + kind + content + struct.pack('>I', zlib.crc32(kind + content))
            for kind, content in ((b'zTXt', b'a\0\0' + zeros), (b'iCCP', b'a\0\0' + zeros))))
        suffixes = st.sampled_from(image_folder.SUFFIXES)
        self.inputs = st.tuples(suffixes, st.booleans(), st.one_of(
            st.tuples(st.just('png'), st.sampled_from(range(len(self.png))).flatmap(lambda index: st.tuples(
                st.just(index), damaged([self.png[index]])))),
            st.tuples(st.just('other'), damaged(others)), st.tuples(st.just('other'), damaged(others)),
            st.tuples(st.just('foreign'), st.one_of(st.sampled_from(foreign), damaged(foreign))),
            st.tuples(st.just('absurd'), st.one_of(absurd, st.just(text)))))

    def read(self, drawn):
        suffix, grey, (kind, content) = drawn
        index, content = content if kind == 'png' else (None, content)
        folder = self.path('images')
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        path = self.write(content, 'images', 'a' + suffix)

        def decode():
            images = data.load('image_folder', data_dir=folder, image_size=8, channels=1 if grey else 3)[1]
            images.checksum()
            return images.first(1)
        made = outcome(decode, path)
        if made is not REFUSED:
            assert made.shape == (1, 8, 8, 1 if grey else 3) and made.dtype == np.uint8
            assert content.startswith((b'\x89PNG', b'\xff\xd8', b'GIF8', b'BM')), content[:20]
            if index is not None and not content == self.png[index]:
                self.write(self.png[index], 'images', 'a' + suffix)
                np.testing.assert_array_equal(made, decode())  # its checksums tell
        return made is not REFUSED


class Links(Target):
    """--dataset=image_folder: links, pipes and names of any bytes below it."""

    def __init__(self, folder):
        super().__init__(folder)
        self.picture = encoded(Image.fromarray(np.full((8, 8), 77, np.uint8)), 'PNG')
        os.makedirs(self.path('outside'))
        self.write(encoded(Image.new('L', (8, 8), 33), 'PNG'), 'outside', 'secret.png')
        entries = st.sampled_from(['file', 'inner link', 'outer link', 'link of links', 'broken', 'circle', 'pipe',
                                   'folder', 'linked folder', 'device'])
        names = st.one_of(st.sampled_from([b'a', b'b', b'\xff\xfe', b'\xe2\x80\xae', b'new\nline', b'-', b' ']),
                          st.binary(min_size=1, max_size=6).filter(lambda name: not set(name) & set(b'/\0\n')))
        self.inputs = st.tuples(st.booleans(), st.dictionaries(names, entries, min_size=1, max_size=4))

    def read(self, drawn):
        skip, entries = drawn
        folder = self.path('links')
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        for name, kind in entries.items():
            path = os.path.join(os.fsencode(folder), name + b'.png')
            if kind in ('file', 'inner link', 'link of links'):
                with open(path + (b'' if kind == 'file' else b'.hidden'), 'wb') as file:
                    file.write(self.picture)
            if kind == 'pipe':
                os.mkfifo(path)
            elif kind == 'folder':
                os.makedirs(path)
            elif kind == 'link of links':
                os.symlink(path + b'.hidden', path + b'.link')
                os.symlink(path + b'.link', path)
            elif kind != 'file':
                os.symlink({'inner link': path + b'.hidden', 'outer link': b'../outside/secret.png',
                            'broken': b'nowhere.png', 'circle': path, 'linked folder': b'../outside',
                            'device': b'/dev/zero'}[kind], path)
        kinds = set(entries.values())

        def decode():
            images = data.load('image_folder', data_dir=folder, image_size=8, skip_unreadable=skip)[1]
            images.checksum()
            return images.first(images.num_examples)
        made = outcome(decode, folder)
        if made is not REFUSED:
            assert (made == 77).all()
            assert skip or not kinds & {'outer link', 'device', 'broken', 'circle', 'pipe'}
        return made is not REFUSED


class Noise(Target):
    """--noise of `sample`."""

    def __init__(self, folder):
        super().__init__(folder)
        self.settings = options.parsed(options.declare_sampling, '--noise=' + self.path('noise.npy'), '--noise_dim=5',
                                       '--output=x.npy', '--checkpoint=x')
        self.inputs = arrays((3, 5), (3, 1, 1, 5))

    def read(self, drawn):
        self.write(drawn, 'noise.npy')
        made = outcome(lambda: sample._read_noise(self.settings), '--noise=' + self.settings.noise)
        if made is not REFUSED:
            assert made.dtype == np.float32 and made.shape == (len(made), 5) and len(made) and np.isfinite(made).all()
            np.testing.assert_array_equal(made.ravel(), np.load(self.settings.noise).astype(np.float32).ravel())
        return made is not REFUSED


class ScoredImages(Target):
    """--images of `evaluate`: an array."""

    def __init__(self, folder):
        super().__init__(folder)
        self.settings = options.parsed(options.declare_evaluation, '--images=' + self.path('images.npy'))
        self.inputs = arrays((2, 4, 4, 1), (1, 3, 3, 3))

    def read(self, drawn):
        self.write(drawn, 'images.npy')
        made = outcome(lambda: evaluate._read_images(self.settings), '--images=' + self.settings.images)
        if made is not REFUSED:
            assert made.dtype == np.uint8 and made.ndim == 4 and made.size
            whole = np.load(self.settings.images)
            np.testing.assert_array_equal(made, whole if whole.dtype == np.uint8 else np.rint(
                (whole.astype(np.float64 if whole.dtype == np.float64 else whole.dtype) + 1) * 127.5))
        return made is not REFUSED


class Flagfiles(Target):
    """--flagfile of the commands."""

    def __init__(self, folder):
        super().__init__(folder)
        flags = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'flags')
        seeds = []
        for name in sorted(os.listdir(flags)):
            with open(os.path.join(flags, name), 'rb') as file:
                seeds.append(file.read())
        os.makedirs(self.path('folder'))
        self.write(b'--flagfile=' + self.path('b.flags').encode(), 'a.flags')
        self.write(b'--flagfile=' + self.path('a.flags').encode(), 'b.flags')
        for number in range(2000):
            self.write(b'--flagfile=' + self.path('chain%d' % (number + 1)).encode(), 'chain%d' % number)
        self.names = sorted(options.parsed(options.declare_training)._fields)
        values = st.one_of(st.sampled_from([
            '', '0', '-1', '1e308', '1e400', 'nan',
            '9' * 5000, '0x10', 'true', '٣', '²', '\0', 'a\0b', ',', '1,,2', '"',
            ' ', '1_000']), st.integers().map(str), st.floats().map(str), st.text(max_size=6))
        lines = st.one_of(
            st.builds('--{}={}'.format, st.sampled_from(self.names), values),
            st.builds('--flagfile={}'.format, st.sampled_from([
                self.path(name) for name in ('own.flags', 'a.flags', 'nowhere', 'folder', 'chain0')] + [
                    '', '~', '/dev/null'])),
            st.builds('--{}'.format, st.sampled_from([*self.names, 'noxla', 'undefok=nothing', '', '-', '-xla'])),
            values)
        self.inputs = st.one_of(damaged(seeds), st.lists(lines, max_size=6).map(
            lambda chosen: '\n'.join(chosen).encode('utf-8', 'surrogatepass')))

    def read(self, drawn):
        path = self.write(drawn, 'own.flags')
        declare = options.declare_training

        def parse(name):
            return options.parsed(declare, '--flagfile=' + name)
        made = outcome(lambda: parse(path), path, self.folder, 'is not a flag', 'Unknown command line flag', 'flagfile',
                       *('--' + name for name in self.names))
        if made is not REFUSED:
            with open(self.path('again.flags'), 'w', encoding='utf-8') as file:
                file.write(options.flagfile(made))
            assert parse(self.path('again.flags')) == made
        return made is not REFUSED


def run_folder(path):
    """A run's small files, as training and `evaluate` write them."""
    chosen = options.resolve(options.parsed(options.declare_training, '--dataset=digits', '--steps=9',
                                            '--run_dir=' + path), 1797)
    folder = RunFolder(path)
    folder.create()
    config = {'flags': chosen._asdict(), 'versions': {'tensorflow': tf.__version__, 'python': '3'},
              'data': {'checksum': 'c', 'images': 9, 'trained_on': 9}}
    records = [{'step': step, 'epoch': step / 9, 'discriminator_loss': 0.5, 'generator_loss': 1.5, 'real_accuracy': 0.5,
                'fake_accuracy': 1.0, 'images_per_second': 31.5} for step in (1, 5, 9)]
    scores = [{'checkpoint': 'model-%d' % step, 'bn_mode': 'standing', 'bn_momentum': None, 'seed': 0,
               'standing_batches': 9, 'num_images': 30, 'dataset': 'digits', 'real_images': 9, 'test_images': 8,
               'classifier_accuracy': 0.9, 'scores': {
                   name: {'value': value, 'real': value, 'samples_needed': 2048, 'enough': False} for name, value in (
                       ('frechet_distance', 3.5), ('classifier_score', 2.5), ('precision', .5), ('recall', 1.),
                       ('histogram', [.5, .5]), ('sharpness_ratio', 1.25), ('nearest_median', 2.))}} for step in (5, 9)]
    for step in (5, 9):
        with open('%s-%d.index' % (folder.checkpoint_prefix, step), 'wb'):
            pass
    return folder, config, records, scores


class Config(Target):
    """config.json of a run, as `sample`, `evaluate`, `report` and a resumed training read it."""

    def __init__(self, folder):
        super().__init__(folder)
        self.run, self.config, _, _ = run_folder(self.path('run'))
        self.chosen = [options.parsed(options.declare_sampling, '--run_dir=' + self.run.path, '--output=x.npy'),
                       options.parsed(options.declare_evaluation, '--run_dir=' + self.run.path)]
        self.training = options.parsed(options.declare_training, *options.flagfile(
            options.parsed(options.declare_training)._replace(**self.config['flags'])).split('\n')[:-1])
        self.inputs = altered_json(self.config)

    def read(self, drawn):
        self.write(drawn, 'run', 'config.json')
        accepted = []
        for of_run, chosen in zip((sampler.of_run, evaluate.of_run), self.chosen):
            made = outcome(lambda of_run=of_run, chosen=chosen: of_run(chosen), self.run.config)
            if made is not REFUSED:  # what a training could have been told
                known = self.training._replace(**{
                    name: value for name, value in made._asdict().items() if name in self.training._fields})
                assert options.parsed(options.declare_training, *options.flagfile(known).split('\n')[:-1]) == known
            accepted.append(made is not REFUSED)
        assert len(set(accepted)) == 1
        page = outcome(lambda: report._settings([self.run], ['a']) + report._overview([self.run], ['a']),
                       self.run.config)
        changed = outcome(lambda: options.changed(self.training, self.run.read_config()['flags']), self.run.config)
        assert page is REFUSED or '--noise_dim' in page
        assert changed is REFUSED or isinstance(changed, list)
        return accepted[0]


class Logged(Target):
    """metrics.jsonl and scores.json of a run, as `report` reads them."""
    share = .5  # drawing takes time

    def __init__(self, folder):
        super().__init__(folder)
        self.run, config, records, scores = run_folder(self.path('run'))
        self.run.write_config(config)
        self.run.write_metrics(records)
        with open(self.run.metrics, 'rb') as file:
            self.metrics = file.read()
        self.scores = json.dumps(scores).encode()
        lines = st.lists(altered_json(records[0]), min_size=1, max_size=3).map(b'\n'.join)
        self.inputs = st.one_of(
            st.tuples(st.just('metrics.jsonl'), st.one_of(damaged([self.metrics]), lines, lines.map(
                lambda text: text + b'\n' + self.metrics))),
            st.tuples(st.just('scores.json'), altered_json(scores)))

    def read(self, drawn):
        name, content = drawn
        self.write(self.metrics, 'run', 'metrics.jsonl')
        self.write(self.scores, 'run', 'scores.json')
        path = self.write(content, 'run', name)
        page = outcome(lambda: report.page([self.run]), path)
        assert page is REFUSED or page.count('<img') >= 1
        return page is not REFUSED


class Samples(Target):
    """The pictures of a run that training makes its film of."""

    def __init__(self, folder):
        super().__init__(folder)
        self.run = RunFolder(self.path('run'))
        self.run.create()
        self.whole = encoded(Image.fromarray(np.zeros((8, 8, 3), np.uint8)), 'PNG')
        self.names = st.sampled_from([*['step_000003.png'] * 9, 'step_.png', 'step_x.png', 'step_²3.png',
                                       'step_-1.png'])
        bomb = png_of(20000, 20000, 1, body=zlib.compress(bytes(2 ** 26)))
        self.inputs = st.tuples(self.names, st.one_of(damaged([self.whole]), st.just(self.whole), st.just(bomb)))

    def read(self, drawn):
        name, content = drawn
        shutil.rmtree(self.run.samples)
        os.makedirs(self.run.samples)
        self.write(self.whole, 'run', 'samples', 'step_000001.png')
        path = self.write(content, 'run', 'samples', name)
        reporter = mock.Mock(spec=loop.Reporter, _folder=self.run)
        made = outcome(lambda: loop.Reporter.film(reporter) or report._pictures(self.run, 'run'), path)
        return made is not REFUSED


class Checkpoints(Target):
    """Checkpoints: an index and its data, damaged, cut, mixed up, and other files in their place."""

    def __init__(self, folder):
        super().__init__(folder)
        random = np.random.RandomState(0)
        self.values = {name: random.uniform(-1, 1, shape).astype(np.float32) for name, shape in (
            ('Generator/dense/kernel', (3, 4)), ('Generator/dense/bias', (4,)), ('Discriminator/dense/kernel', (4, 2)),
            ('Discriminator/batch_normalization/moving_mean', (2,)))}
        self.graph = tf.Graph()
        with self.graph.as_default():
            self.variables = [tf.get_variable(name, value.shape, initializer=tf.zeros_initializer(), use_resource=True)
                              for name, value in self.values.items()]
            self.saver = tf.train.Saver(self.variables)
            feeds = [tf.placeholder(tf.float32, value.shape) for value in self.values.values()]
            self.assign = [variable.assign(feed) for variable, feed in zip(self.variables, feeds)]
            self.session = tf.Session()
            self.parts = []
            for sign in (1, -1):
                self._set(feeds, sign)
                prefix = self.saver.save(self.session, self.path('whole'), write_meta_graph=False)
                self.parts.append([self._content(prefix + '.index'), self._content(prefix + '.data-00000-of-00001')])
            self._set(feeds, 0)
            self.zero = lambda: self._set(feeds, 0)
        (index, values), (other_index, other_values) = self.parts
        self.inputs = st.tuples(st.booleans(), st.fixed_dictionaries({'.index': st.one_of(
            damaged([index]), damaged([index]), footers(index), st.sampled_from([index, other_index, b'', values])),
            '.data-00000-of-00001': st.one_of(st.just(values), st.just(values), damaged([values]), st.sampled_from(
                [b'', other_values, index, None]))}))

    def _set(self, feeds, sign):
        self.session.run(self.assign, {feed: sign * value for feed, value in zip(feeds, self.values.values())})

    def _content(self, path):
        with open(path, 'rb') as file:
            return file.read()

    def read(self, drawn):
        old, files = drawn
        prefix = self.path('damaged')
        for suffix, content in files.items():
            if content is not None:
                self.write(content, 'damaged' + suffix)
            elif os.path.exists(prefix + suffix):
                os.remove(prefix + suffix)
        if old:  # the format before, whose one file has no suffix
            os.rename(prefix + '.index', prefix)
        elif os.path.exists(prefix):
            os.remove(prefix)
        made = outcome(lambda: self.restored(prefix), prefix)
        assert made is REFUSED or any(all(np.array_equal(one, sign * value) for one, value in zip(
            made, self.values.values())) for sign in (1, -1))
        return made is not REFUSED

    def restored(self, prefix):
        """Values of all variables, restored."""
        self.zero()
        with self.graph.as_default():
            checkpoints.restore(self.session, self.saver, prefix, self.variables)
        return self.session.run(self.variables)


class InitCheckpoint(Checkpoints):
    """--init_checkpoint, as a fresh training reads it."""
    share = .2  # each builds a graph

    def restored(self, prefix):
        with tf.Graph().as_default(), tf.Session() as session:
            variables = [tf.get_variable(name, value.shape) for name, value in self.values.items()]
            checkpoints.WarmStart(prefix).restore(session)
            return session.run(variables)


class NewestCheckpoint(Checkpoints):
    """A run's newest checkpoint, as a resumed training reads it; where it can't be, the one before it."""

    def __init__(self, folder):
        super().__init__(folder)
        self.run = RunFolder(self.path('run'))
        self.run.create()
        self._put(1, dict(zip(('.index', '.data-00000-of-00001'), self.parts[1])))
        with self.graph.as_default():
            self.checkpoints = checkpoints.Checkpoints(self.run, 5)

    def _put(self, step, files):
        for suffix, content in files.items():
            path = '%s-%d%s' % (self.run.checkpoint_prefix, step, suffix)
            if content is not None:
                self.write(content, path)
            elif os.path.exists(path):
                os.remove(path)

    def read(self, drawn):
        self._put(2, drawn[1])
        self.zero()
        said = []
        self.checkpoints.last = None
        with self.graph.as_default():
            assert outcome(lambda: self.checkpoints.restore(self.session, said.append) or True), 'refused'
        newest = self.checkpoints.last == self.run.checkpoint_prefix + '-2'
        assert [self.run.checkpoint_prefix + '-2' in line for line in said] == [True] * (not newest)
        made = self.session.run(self.variables)
        assert any(all(np.array_equal(one, sign * value) for one, value in zip(made, self.values.values()))
                   for sign in ((1, -1) if newest else (-1,)))
        return newest


@st.composite
def footers(draw, index):
    """A checkpoint's index with other numbers in its footer: where its blocks lie and how long they are."""
    def varint(number):
        parts = []
        while number > 127:
            parts.append(number & 127 | 128)
            number >>= 7
        return bytes([*parts, number])
    number = st.one_of(st.integers(0, 2 * len(index)), st.sampled_from(EXTREMES), st.integers(0, 2 ** 64 - 1))
    handles = b''.join(varint(draw(number)) for _ in range(draw(st.integers(0, 4))))
    return index[:-48] + (handles + bytes(40))[:40] + index[-8:]


class Statistics(Target):
    """Standing statistics that are kept beside a checkpoint: taken, or made again."""

    def __init__(self, folder):
        super().__init__(folder)
        self.write(b'index', 'model.index')
        self.values = {'a/moving_mean': np.float32([.5, -.5]), 'a/moving_variance': np.float32([1, 2])}
        self.store = standing.Store(self.path('model'), 9, 8)
        self.store.write(self.values)
        with open(self.store.path, 'rb') as file:
            whole = file.read()
        mark = np.array(self.store._fingerprint)
        other = st.sampled_from([np.float32([1, 2, 3]), np.float64([1, 2]), np.float32([[1, 2]]),
                                 np.float32([1, np.nan]), np.array([None, 1]), np.float32(3), np.array(['a', 'b']),
                                 np.complex64([1, 2])])
        forged = other.map(lambda value: npz(**{**self.values, 'checkpoint': mark, 'a/moving_mean': value}))
        self.inputs = st.one_of(damaged([whole]), damaged([whole]), forged, arrays((2,)))

    def read(self, drawn):
        self.write(drawn, os.path.basename(self.store.path))
        made = self.store.read({name: value.shape for name, value in self.values.items()})
        if made is not REFUSED:
            for name, value in self.values.items():
                np.testing.assert_array_equal(made[name], value)
                assert made[name].dtype == np.float32
        return made is not REFUSED


class CachedClassifier(Target):
    """--cache_dir: the classifier in it, taken, trained again or refused."""
    share = .03  # each builds and runs a network

    def __init__(self, folder):
        super().__init__(folder)
        random = np.random.RandomState(0)
        images = data.Images(random.randint(0, 256, (16, 8, 8, 1)).astype(np.uint8), 'a test')
        self.labelled = data.Labelled(images, (np.arange(16) % 2).astype(np.uint8))
        made = classifier.Classifier(self.labelled, self.labelled, self.folder, 1)
        made.close()
        self.run = made.folder
        self.config = self.run.read_config()
        self.inputs = altered_json(self.config)

    def read(self, drawn):
        with open(self.run.config, 'wb') as file:
            file.write(drawn)
        said = []
        made = outcome(lambda: classifier.Classifier(self.labelled, self.labelled, self.folder, 1, said.append),
                       self.run.config)
        if made is not REFUSED:
            made.close()
            assert isinstance(made.accuracy, float) and 0 <= made.accuracy <= 1
        return made is not REFUSED and not said


TARGETS = {'IDX and gzip files': Idx, 'Keras\'s mnist.npz': KerasNpz, 'image files': Images, 'links and names': Links,
           '--noise': Noise, '--images': ScoredImages, '--flagfile': Flagfiles, 'config.json': Config,
           'metrics.jsonl and scores.json': Logged, 'samples/': Samples, 'checkpoints': Checkpoints,
           '--init_checkpoint': InitCheckpoint, 'newest checkpoints': NewestCheckpoint,
           'standing statistics': Statistics, 'cached classifiers': CachedClassifier}
