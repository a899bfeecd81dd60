"""Image folders that are decoded once, into --pack_dir: the same images, whatever happens in between."""
import json
import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers import ROOT, assert_same_run, start_command
from PIL import Image

from dcgan_tf1.data import _decode, _packed, image_folder
from dcgan_tf1.runs.folder import RunFolder
from dcgan_tf1.util import files
from dcgan_tf1.util.errors import UserError

RANDOM = np.random.RandomState(0)
FLAGS = ('--dataset=image_folder', '--channels=1', '--image_size=8', '--batch_size=4', '--sample_size=4',
         '--log_every=1', '--checkpoint_every=1', '--network=graph_mode_dense', '--loss=sigmoid',
         '--shuffle=per_epoch')


@pytest.fixture
def folder(tmp_path):
    """A folder of 30 pictures."""
    (tmp_path / 'images' / 'more').mkdir(parents=True)
    for number in range(30):
        name = ('more/%02d.jpg' if number % 3 else '%02d.png') % number
        Image.fromarray(RANDOM.randint(0, 256, (20, 24, 3)).astype(np.uint8)).save(str(tmp_path / 'images' / name))
    return tmp_path / 'images'


@pytest.fixture
def small_shards(monkeypatch):
    """Shards of 7 gray images of 8×8 pixels."""
    monkeypatch.setattr(_packed, '_SHARD_BYTES', 500)


def load(folder, **options):
    return image_folder.load(str(folder), **{'image_size': 8, 'channels': 1, **options})


def all_images(images):
    return images.decode(range(images.num_examples))


@pytest.mark.parametrize('options', [{}, {'channels': 3}, {'image_size': 16, 'center_crop': True}, {'antialias': False},
                                     {'fast_jpeg': False}])
def test_packed_images_have_the_same_bits(options, folder, tmp_path, small_shards, graph):
    """Every way to read images: batches of any order, the first ones, and parts of the folder."""
    images = load(folder, **options)
    packed = images.packed_in(str(tmp_path / 'pack'))
    again = images.packed_in(str(tmp_path / 'pack'))
    expected = all_images(images)
    shutil.rmtree(str(folder))  # from now on, no file can be read
    for read in (packed, again):
        np.testing.assert_array_equal(all_images(read), expected)
        np.testing.assert_array_equal(read.first(5), expected[:5])
        np.testing.assert_array_equal(all_images(read.without_first(4).without({images.names[7]})),
                                      np.delete(expected, [0, 1, 2, 3, 7], axis=0))
        np.testing.assert_array_equal(all_images(read.with_earlier({'more/01a.jpg': 5}).without({'more/01a.jpg'})),
                                      expected)
        assert read.checksum() == images.checksum() and read.image_shape == images.image_shape
    batches = again.batches(tf.data.Dataset.from_tensor_slices([[3, 29], [0, 11], [7, 7]]))
    next_batch = batches.get_next()
    with tf.Session() as session:
        session.run(batches.initializer, batches.feed)
        for indices in ([3, 29], [0, 11], [7, 7]):
            np.testing.assert_array_equal(session.run(next_batch), expected[indices])


def test_the_documented_format(folder, tmp_path, small_shards):
    """What docs/datasets.md promises to other programs."""
    images = load(folder)
    images.packed_in(str(tmp_path / 'pack'))
    index = json.loads((tmp_path / 'pack' / 'index.json').read_text())
    assert (index['format'], index['images'], index['image_shape'], index['images_per_shard'], index['shards'],
            index['unreadable']) == (1, 30, [8, 8, 1], 7, 5, [])
    record = np.dtype([('pixels', np.uint8, index['image_shape']), ('crc32', '<u4')])
    shards = [np.fromfile(str(tmp_path / 'pack' / ('images-%05d.bin' % number)), record)
              for number in range(index['shards'])]
    assert list(map(len, shards)) == [7, 7, 7, 7, 2]
    np.testing.assert_array_equal(np.concatenate(shards)['pixels'], all_images(images))


def rename(folder):
    os.rename(str(folder / '00.png'), str(folder / '00a.png'))


def overwrite(folder):
    content = (folder / '00.png').read_bytes()
    (folder / '00.png').write_bytes(content[:-1] + b'x')  # of the same size
    os.utime(str(folder / '00.png'), (10 ** 9, 10 ** 9))


@pytest.mark.parametrize('change,message', [
    ({'image_size': 16}, 'image_size is 8 there, not 16'), ({'channels': 3}, 'channels is 1 there, not 3'),
    ({'center_crop': True}, 'center_crop is False there, not True'), ({'antialias': False}, 'antialias is True'),
    ({'fast_jpeg': False}, 'fast_jpeg is True'), ({'follow_links': True}, 'follow_links is False'),
    (rename, 'checksum of the names and sizes of the files is '),
    (overwrite, 'checksum of the times when the files were changed is [0-9a-f]+ there, not [0-9a-f]+.'),
    (lambda folder: os.remove(str(folder / '00.png')), 'images is 30 there, not 29')])
def test_images_of_another_kind_are_refused(change, message, folder, tmp_path):
    load(folder).packed_in(str(tmp_path / 'pack'))
    options = change if isinstance(change, dict) else change(folder) or {}
    with pytest.raises(UserError, match='pack holds images that were packed from other files or with other settings: '
                       '.*%s.*Name another folder, or delete this one' % message):
        load(folder, **options).packed_in(str(tmp_path / 'pack'))
    load(folder, **options).packed_in(str(tmp_path / 'other'))


@pytest.mark.parametrize('module,name,message', [(_decode, 'VERSION', 'decoder is 2 there, not 3'),
                                                 (_decode.PIL, '__version__', 'Pillow is .* there, not 2')])
def test_images_of_another_decoder_are_refused(module, name, message, folder, tmp_path, monkeypatch):
    load(folder).packed_in(str(tmp_path / 'pack'))
    monkeypatch.setattr(module, name, 3 if name == 'VERSION' else '2')
    with pytest.raises(UserError, match=message):
        load(folder).packed_in(str(tmp_path / 'pack'))


def test_copies_whose_times_were_cut_to_seconds_are_the_same_images(folder, tmp_path):
    load(folder).packed_in(str(tmp_path / 'pack'))
    for path in folder.iterdir():
        seconds = path.stat().st_mtime_ns // 10 ** 9
        os.utime(str(path), (seconds, seconds))
    load(folder).packed_in(str(tmp_path / 'pack'))


def flip(path, position):
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(bytes(content))


@pytest.mark.parametrize('damage', [lambda pack: flip(pack / 'images-00002.bin', 70),
                                    lambda pack: (pack / 'images-00002.bin').write_bytes(b''),
                                    lambda pack: os.remove(str(pack / 'images-00002.bin')),
                                    lambda pack: (pack / 'index.json').write_bytes(b'{"format": 1'),
                                    lambda pack: (pack / 'index.json').write_bytes(b'[]'),
                                    lambda pack: (pack / 'index.json').write_bytes(
                                        (pack / 'index.json').read_bytes().replace(b'"shards": 5', b'"shards": 6'))])
def test_damage_is_one_line(damage, folder, tmp_path, small_shards):
    load(folder).packed_in(str(tmp_path / 'pack'))
    damage(tmp_path / 'pack')
    with pytest.raises(UserError, match=r'(00002\.bin|index\.json) cannot be read \(.*\): delete --pack_dir=.*pack '):
        all_images(load(folder).packed_in(str(tmp_path / 'pack')))


def test_other_folders_are_left_alone(folder, tmp_path):
    with pytest.raises(UserError, match='images contains no packed images, but something else: name a new folder'):
        load(folder).packed_in(str(folder))
    (tmp_path / 'file').write_bytes(b'')
    with pytest.raises(UserError, match='file contains no packed images'):
        load(folder).packed_in(str(tmp_path / 'file'))
    with pytest.raises(UserError, match='cannot be written .*: free some space, or name a folder that is writable'):
        load(folder).packed_in(str(tmp_path / 'file' / 'pack'))


def test_a_disk_that_is_too_small(tmp_path):
    with pytest.raises(UserError, match=r'needs 12292000\.0 GB, but only [\d.]+ GB are free: free some space'):
        _packed.open_or_pack(str(tmp_path), _packed.Contents({}, (64, 64, 3), 10 ** 12), None, '')


def test_reading_changes_nothing(folder, tmp_path):
    """So several processes, also on a read-only disk, can read at the same time."""
    def state():
        return {name: os.stat(str(tmp_path / 'pack' / name)).st_mtime_ns for name in os.listdir(str(tmp_path / 'pack'))}
    load(folder).packed_in(str(tmp_path / 'pack'))
    before = state()
    all_images(load(folder).packed_in(str(tmp_path / 'pack')))
    assert state() == before


def start_packing(folder, pack, first):
    """Packs in a process of its own, with small shards. `first` is what the process does first."""
    code = (first + '\nimport sys\nfrom dcgan_tf1.settings.cli import exit_status\n'
            'from dcgan_tf1.data import _packed, image_folder\n_packed._SHARD_BYTES = 500\n'
            'def run():\n    image_folder.load(%r, 8, 1).packed_in(%r)\n    return 0\n'
            'sys.exit(exit_status(run))' % (str(folder), str(pack)))
    return subprocess.Popen([sys.executable, '-c', code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            universal_newlines=True)


@pytest.mark.slow
@pytest.mark.parametrize('files_written,newest,number', [
    (0, 'images-00000.bin.*.partial', signal.SIGKILL), (1, 'images-00000.bin', signal.SIGKILL),
    (5, 'images-00002.bin', signal.SIGKILL), (5, 'images-00002.bin', signal.SIGINT)])
def test_an_interrupted_packing_goes_on(files_written, newest, number, folder, tmp_path, small_shards):
    """It is interrupted while it writes a file, shards and the index in turn, and finished by the next process."""
    pack = tmp_path / 'pack'
    # The tests themselves may run under nohup, where SIGINT is ignored.
    process = start_packing(folder, pack, """if True:
        import os, signal, time
        signal.signal(signal.SIGINT, signal.default_int_handler)
        files = iter(range(%d))
        def fsync(file):
            if next(files, None) is None:
                print('The disk is busy.', flush=True)
                time.sleep(120)
        os.fsync = fsync""" % files_written)
    assert any('The disk is busy.' in line for line in process.stdout)
    assert list(pack.glob(newest))
    process.send_signal(number)
    output = process.communicate()[0]
    assert process.returncode == (130 if number == signal.SIGINT else -number) and 'Traceback' not in output, output
    complete = [path for path in sorted(pack.glob('*.bin'))
                if (pack / 'index.json').exists() and path.name < 'images-%05d' % json.loads(
                    (pack / 'index.json').read_text())['shards']]
    times = [path.stat().st_mtime_ns for path in complete]
    images = load(folder)
    np.testing.assert_array_equal(all_images(images.packed_in(str(pack))), all_images(images))
    assert [path.stat().st_mtime_ns for path in complete] == times  # they were not packed again


@pytest.mark.slow
def test_a_full_disk_stops_the_packing(folder, tmp_path, small_shards):
    """A limit for the size of files makes a write fail as a full disk does."""
    pack = tmp_path / 'pack'
    process = start_packing(folder, pack, 'import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (400, 400))')
    output = process.communicate()[0]
    assert process.returncode == 1 and 'cannot be written (File too large): free some space' in output
    assert len(output.splitlines()) == 1 and os.listdir(str(pack)) == ['lock']
    images = load(folder)
    np.testing.assert_array_equal(all_images(images.packed_in(str(pack))), all_images(images))


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_processes_that_pack_at_the_same_time(folder, tmp_path):
    """One packs, the others wait for it and read. None disturbs another."""
    flags = (*FLAGS, '--data_dir=%s' % folder, '--pack_dir=%s' % (tmp_path / 'pack'), '--steps=2')
    (tmp_path / 'pack').mkdir()

    def fail(holder):
        raise AssertionError('held by ' + holder)
    with files.hold_lock(str(tmp_path / 'pack' / 'lock'), fail):
        processes = [start_command(*flags, '--run_dir=%s/run%d' % (tmp_path, number)) for number in range(2)]
        for process in processes:
            line = process.stdout.readline()
            assert 'is being packed by another process (%d): waiting for it' % os.getpid() in line
        assert os.listdir(str(tmp_path / 'pack')) == ['lock']
    for process in processes:
        output = process.communicate()[0]
        assert process.returncode == 0, output
    assert_same_run(*(RunFolder('%s/run%d' % (tmp_path, number)) for number in range(2)))


@pytest.fixture
def run(train_run, folder):
    """(name, steps, flags…) → the `RunFolder`, trained to this step."""
    return lambda name, steps, *flags: train_run(name, *FLAGS, '--data_dir=%s' % folder, '--steps=%d' % steps, *flags)


@pytest.mark.slow
def test_a_training_with_packed_images_is_the_same(folder, tmp_path, run, small_shards, capsys, monkeypatch):
    """Also if some files cannot be read, some are held out, and only a part of the training reads packed images.

    All files are closed at the end.
    """
    opened, original = [], _packed.PackedImages
    monkeypatch.setattr(_packed, 'PackedImages', lambda *args: opened.append(original(*args)) or opened[-1])
    for name in ('00a.png', '03.png', 'more/04.jpg', 'more/zz.gif'):
        (folder / name).write_bytes(b'no picture')
    flags = ['--skip_unreadable', '--holdout=5']
    pack = '--pack_dir=%s' % (tmp_path / 'pack')
    expected = run('without', 9, *flags)
    capsys.readouterr()
    packed = run('with', 9, *flags, pack)
    assert_same_run(packed, expected)
    assert '4 files that cannot be read or are gone, among them 00a.png' in capsys.readouterr().err
    data = [json.load(open(one.config))['data'] for one in (packed, expected)]
    assert data[0] == data[1] and len(data[0]['unreadable']) == 4 and data[0]['trained_on'] == 25
    run('mixed', 2, *flags)
    for steps in (4, 8):
        run('mixed', steps, *flags, pack)
    assert_same_run(run('mixed', 9, *flags), expected)
    assert len(opened) == 3 and all(file.closed for packed in opened for file in packed._files)


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_an_unreadable_file_is_named_before_the_training(folder, tmp_path, run):
    (folder / '03.png').write_bytes(b'no picture')
    pack = '--pack_dir=%s' % (tmp_path / 'pack')
    with pytest.raises(UserError, match=r'03\.png cannot be read as an image .*: skip such files with --skip_unreadab'):
        run('run', 2, pack)
    assert not (tmp_path / 'run').exists()
    run('run', 2, pack, '--skip_unreadable')


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_damage_stops_a_training(folder, tmp_path, run):
    pack = '--pack_dir=%s' % (tmp_path / 'pack')
    run('run', 2, pack)
    flip(tmp_path / 'pack' / 'images-00000.bin', 70)
    with pytest.raises(UserError, match=r'00000\.bin cannot be read \(the checksum of its image 1 is wrong\): delete '):
        run('run', 10, pack)
    shutil.rmtree(str(tmp_path / 'pack'))
    assert_same_run(run('run', 10, pack), run('without', 10))


def test_only_image_folders_are_packed(training_settings):
    with pytest.raises(UserError, match='--pack_dir needs --dataset=image_folder'):
        training_settings('--dataset=mnist_10k', '--pack_dir=a')
