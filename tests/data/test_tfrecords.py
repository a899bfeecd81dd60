"""TFRecord files of encoded images: the same pixels as from a folder of files, and errors that name file and record."""
import io
import os
import shutil
import struct

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers import SMALL_RUN, assert_same_run
from PIL import Image

from dcgan_tf1.data import image_folder, tfrecords
from dcgan_tf1.runs.folder import RunFolder
from dcgan_tf1.train.training import train
from dcgan_tf1.util.errors import UserError

COUNT = 23


def encoded(number, kind='PNG'):
    """A picture of noise, of a size of its own, as the content of a file."""
    pixels = np.random.RandomState(number).randint(0, 256, (20 + number, 30, 3)).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def write(path, contents, feature='image/encoded', **options):
    os.makedirs(os.path.dirname(str(path)), exist_ok=True)
    with tf.io.TFRecordWriter(str(path), **options) as writer:
        for content in contents:
            features = {feature: tf.train.Feature(bytes_list=tf.train.BytesList(value=[content])),
                        'image/class/label': tf.train.Feature(int64_list=tf.train.Int64List(value=[3]))}
            writer.write(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())


@pytest.fixture
def records(tmp_path):
    """A folder with records of different kinds in files with the usual names, in the order of the numbers."""
    folder = tmp_path / 'records'
    write(folder / 'a' / 'train-00000-of-00002', [encoded(number) for number in range(11)])
    write(folder / 'a' / 'train-00001-of-00002', [encoded(number, 'JPEG') for number in range(11, 15)], 'image')
    write(folder / 'a' / 'z.tfrecords', [encoded(number) for number in range(15, COUNT)])
    (folder / 'a' / 'labels.txt').write_text('not an image')
    (folder / '.hidden.tfrecord').write_text('not an image')
    return str(folder)


@pytest.fixture
def files(tmp_path):
    """The same pictures as files."""
    folder = tmp_path / 'files'
    folder.mkdir()
    for number in range(COUNT):
        kind = 'JPEG' if 11 <= number < 15 else 'PNG'
        (folder / ('%02d.%s' % (number, kind.lower()))).write_bytes(encoded(number, kind))
    return str(folder)


@pytest.mark.parametrize('options', [{}, {'center_crop': True, 'channels': 1}, {'antialias': False}])
def test_the_pixels_are_those_of_files(options, records, files):
    actual, expected = (module.load(folder, image_size=16, **options) for module, folder in (
        (tfrecords, records), (image_folder, files)))
    assert actual.num_examples == expected.num_examples == COUNT
    np.testing.assert_array_equal(actual.first(COUNT), expected.first(COUNT))
    np.testing.assert_array_equal(actual.without_first(3).decode([7, 0]), expected.without_first(3).decode([7, 0]))


def test_the_checksum_of_the_content(records):
    """Of the beginnings and ends of records, not of their files."""
    known = tfrecords.load(records).content_checksum()
    path, record = os.path.join(records, 'a', 'z.tfrecords'), tfrecords.load(records)._files[-2]
    with open(path, 'r+b') as file:
        file.seek(record.offset + 100)
        file.write(b'?')
    assert tfrecords.load(records).content_checksum() != known


def test_packed_records(records, tmp_path):
    images = tfrecords.load(records, image_size=16)
    packed = images.packed_in(str(tmp_path / 'pack'))
    np.testing.assert_array_equal(packed.first(COUNT), images.first(COUNT))


def test_a_record_that_cannot_be_decoded(records):
    path = os.path.join(records, 'a', 'more.tfrecord')
    write(path, [encoded(0), b'no image', encoded(1)])
    write(path + 's', [encoded(0)], feature='picture')
    images = tfrecords.load(records, image_size=16)
    with pytest.raises(UserError, match=r'/more\.tfrecord#000000001 cannot be read as an image \(it is .*\): skip '
                                        'such records with --skip_unreadable'):
        images.first(COUNT)
    reasons = images.find_unreadable()
    assert reasons.pop('a/more.tfrecords#000000000'.replace('/', os.sep)) == (
        'it has no image/encoded, but image/class/label, picture')
    assert len(reasons) == 1
    skipping = tfrecords.load(records, image_size=16, skip_unreadable=True)
    assert len(skipping.first(100)) == COUNT + 2


def test_links_out_of_the_folder(tmp_path):
    """They are read with --follow_links alone. Links to files in the folder always are."""
    write(tmp_path / 'records' / 'a.tfrecord', [encoded(0)])
    write(tmp_path / 'b.tfrecord', [encoded(1)])
    (tmp_path / 'records' / 'inside.tfrecord').symlink_to('a.tfrecord')
    folder = str(tmp_path / 'records')
    assert tfrecords.load(folder).num_examples == 2
    (tmp_path / 'records' / 'outside.tfrecord').symlink_to(tmp_path / 'b.tfrecord')
    with pytest.raises(UserError, match='outside.tfrecord is a link to a file outside of --data_dir=.* --follow_links'):
        tfrecords.load(folder)
    assert len(tfrecords.load(folder, follow_links=True).first(9)) == 3


@pytest.mark.parametrize('damage, message', [
    (lambda content: content[:-1], 'it is cut'), (lambda content: content[:-200], 'it is cut'),
    (lambda content: content + b'123', 'it is cut'), (lambda content: b'x' + content[1:], 'the header of record 0 is'),
    (lambda content: content + bytes(12), 'the header of record 2 is wrong'),
    (lambda content: content + struct.pack('<QI', 2 ** 64 - 1, 0), 'the header of record 2 is wrong')])
def test_damaged_files(damage, message, tmp_path):
    path = tmp_path / 'a.tfrecord'
    write(path, [encoded(0), encoded(1)])
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UserError, match=r'a\.tfrecord cannot be read as a TFRecord file \(%s' % message):
        tfrecords.load(str(tmp_path))


@pytest.mark.parametrize('kind', ['GZIP', 'ZLIB'])
def test_compressed_files(kind, tmp_path):
    write(tmp_path / 'a.tfrecord', [encoded(0)], options=tf.io.TFRecordOptions(
        getattr(tf.io.TFRecordCompressionType, kind)))
    with pytest.raises(UserError, match=r'\(it is compressed\): restore it as TensorFlow writes it, without'):
        tfrecords.load(str(tmp_path))


def test_no_records(tmp_path):
    with pytest.raises(UserError, match='--dataset=tfrecords needs a folder of .* files: name it with --data_dir'):
        tfrecords.load()
    with pytest.raises(UserError, match='missing is not a folder: --dataset=tfrecords needs a folder'):
        tfrecords.load(str(tmp_path / 'missing'))
    (tmp_path / 'empty.tfrecord').write_bytes(b'')
    (tmp_path / 'a.png').write_bytes(encoded(0))
    with pytest.raises(UserError, match='contains no record in a file that ends in .tfrecord'):
        tfrecords.load(str(tmp_path))


@pytest.mark.parametrize('names, expected', [
    (['a-train.tfrecord-00000-of-00002', 'a-train.tfrecord-00001-of-00002', 'b.tfrecord'], []),
    (['x/t_0-of-4.tfrecord', 'x/t_3-of-4.tfrecord'], [
        '2 of the 4 shards of x/t.tfrecord are missing, among them number 1']),
    (['t-00000-of-00001', 't-00000-of-00002', 't-00001-of-00002'], ['t is there several times: as 1 and as 2 shards'])])
def test_what_is_said_about_shards(names, expected, tmp_path, logged):
    for number, name in enumerate(names):
        write(tmp_path / name, [encoded(number)])
    tfrecords.load(str(tmp_path))
    assert logged == ['--data_dir=%s: %s' % (tmp_path, text.replace('/', os.sep)) for text in expected]


def test_copies_of_files_are_named(tmp_path, logged):
    for name, number in (('a.tfrecord', 0), ('b.tfrecord', 1)):
        write(tmp_path / name, [encoded(number)])
    # Not written again, because another writer may order the features differently.
    shutil.copy(str(tmp_path / 'a.tfrecord'), str(tmp_path / 'a (1).tfrecord'))
    (tmp_path / 'empty.tfrecord').write_bytes(b'')
    (tmp_path / 'empty2.tfrecord').write_bytes(b'')
    tfrecords.load(str(tmp_path))
    assert logged == ['--data_dir=%s: a.tfrecord is a copy of a (1).tfrecord: its images are there twice' % tmp_path]


def test_splits_are_counted(tmp_path):
    for name, count in (('my-test.tfrecord-00000-of-00001', 1), ('my-train.tfrecord-00000-of-00002', 2),
                        ('my-train.tfrecord-00001-of-00002', 3)):
        write(tmp_path / name, [encoded(number) for number in range(count)])
    assert tfrecords.load(str(tmp_path)).remarks() == [
        'images in %s: my-test.tfrecord: 1, my-train.tfrecord: 5' % tmp_path]


@pytest.mark.slow
def test_a_run_resumes(records, training_settings, tmp_path):
    def run(name, *flags):
        folder = RunFolder(str(tmp_path / name))
        assert train(training_settings(*SMALL_RUN, '--dataset=tfrecords', '--data_dir=' + records, '--channels=1',
                                       '--run_dir=' + folder.path, *flags)) == 0
        return folder
    run('resumed', '--steps=2')
    assert_same_run(run('resumed', '--steps=6'), run('whole', '--steps=6', '--pack_dir=%s' % (tmp_path / 'pack')))
    os.remove(os.path.join(records, 'a', 'z.tfrecords'))
    with pytest.raises(UserError, match='the images of --dataset=tfrecords are not those'):
        run('resumed', '--steps=7')
