"""Which files of a folder tree are data, tried on generated trees."""
import io
import os
import random

import numpy as np
import pytest
from PIL import Image

from dcgan_tf1.data import image_folder
from dcgan_tf1.data._walk import describe_parts, list_folder
from dcgan_tf1.util.errors import UserError

pytestmark = pytest.mark.any_tensorflow

FOLDERS = ['a', 'B', 'a b', '.trash', '__MACOSX', '@eaDir', '.ipynb_checkpoints', 'run', 'caf\u00e9']
SUFFIXES = ['.png', '.JPG', '.jfif', '.jpe', '.gif', '.bmp', '.heic', '.txt', '']
READ = {'.png', '.JPG', '.jfif', '.jpe', '.gif', '.bmp'}


def picture(level):
    file = io.BytesIO()
    Image.new('L', (8, 8), level).save(file, 'PNG')
    return file.getvalue()


def make_tree(folder, rng):
    """Creates a random tree; returns {relative path: gray level} of the readable pictures."""
    expected = {}
    for number in range(rng.randrange(1, 40)):
        parts = [rng.choice(FOLDERS) for _ in range(rng.randrange(3))]
        name = rng.choice(['', '', '', '._', '.']) + str(number) + rng.choice(SUFFIXES)
        path = os.path.join(*parts, name)
        os.makedirs(os.path.join(folder, *parts), exist_ok=True)
        content = picture(number) if rng.random() < 0.7 else rng.choice([b'', b'text', picture(number)[:50]])
        with open(os.path.join(folder, path), 'wb') as file:
            file.write(content)
        hidden = any(part.startswith('.') or part in ('__MACOSX', '@eaDir') for part in [*parts, name])
        if not hidden and 'run' not in parts and os.path.splitext(name)[1] in READ and content == picture(number):
            expected[path] = number
    for parent, folders, _ in os.walk(folder):
        if 'run' in folders:
            for name in ('config.json', 'train.flags'):
                open(os.path.join(parent, 'run', name), 'w').close()
    return expected


@pytest.mark.parametrize('seed', range(30))
def test_the_data_are_the_readable_pictures_each_once(seed, tmp_path):
    folder = str(tmp_path / 'tree')
    os.mkdir(folder)
    expected = make_tree(folder, random.Random(seed))
    if not list_folder(folder).pictures:
        return
    images = image_folder.load(folder, image_size=8, channels=1)
    readable = images.without(images.find_unreadable())
    assert sorted(readable.names) == sorted(expected)
    if expected:
        decoded = readable.first(len(expected))
        np.testing.assert_array_equal(decoded[:, 0, 0, 0], [expected[name] for name in readable.names])
        assert (decoded == decoded[:, :1, :1]).all()
    again = images.without(images.names[::2]).with_earlier(images.sizes(images.names[::2]))
    assert again.names == images.names  # removed files return to their places


@pytest.fixture
def folder(tmp_path):
    """A folder with one picture, a.png."""
    (tmp_path / 'tree').mkdir()
    (tmp_path / 'tree' / 'a.png').write_bytes(picture(1))
    return tmp_path / 'tree'


def test_what_is_left_out_is_listed(folder):
    for name in ('b.heic', 'c.HEIC', 'notes.txt', 'Makefile', '._a.png'):
        (folder / name).write_bytes(b'')
    (folder / '.trash').mkdir()
    (folder.parent / 'elsewhere').mkdir()
    (folder.parent / 'elsewhere' / 'd.png').write_bytes(picture(2))
    (folder / 'link').symlink_to(folder.parent / 'elsewhere')
    listing = list_folder(str(folder))
    assert listing.pictures == ['a.png']
    assert listing.describe_left_out() == (
        '1 hidden file (._a.png), 1 hidden folder (.trash), 1 link to a folder (link), 1 other file (Makefile), '
        '2 .heic files (b.heic, …), 1 .txt file (notes.txt)')


def test_images_of_each_subfolder_are_counted(folder):
    assert image_folder.load(str(folder)).remarks() == []
    for name, count in (('test', 2), ('train', 3)):
        (folder / name).mkdir()
        for number in range(count):
            (folder / name / ('%d.png' % number)).write_bytes(picture(number))
    assert image_folder.load(str(folder)).remarks() == [
        'images in %s: the folder itself: 1, test: 2, train: 3' % folder]
    assert describe_parts([str(number) for number in range(10)]).endswith(', 7: 1, 2 more')


def test_many_kinds_of_files_are_summed_up(folder):
    for number in range(12):
        (folder / ('x.k%02d' % number)).write_bytes(b'')
    assert list_folder(str(folder)).describe_left_out().endswith('1 .k07 file (x.k07), 4 more files')


def test_subfolders_that_cannot_be_read_are_listed(folder, monkeypatch):
    """Also for root, who may read everything."""
    for name in ('closed', 'closed2', 'open'):
        (folder / name).mkdir()
        (folder / name / 'b.png').write_bytes(picture(2))
    scan = os.scandir

    def scandir(path):
        if os.path.basename(path).startswith('closed'):
            raise PermissionError(13, 'Permission denied', path)
        return scan(path)
    monkeypatch.setattr(os, 'scandir', scandir)
    listing = list_folder(str(folder))
    assert listing.pictures == ['a.png', os.path.join('open', 'b.png')]
    assert listing.describe_left_out() == '2 folders that cannot be read (closed, …)'


def test_the_folder_of_a_run_is_refused(folder):
    for name in ('config.json', 'train.flags'):
        (folder / name).write_bytes(b'')
    with pytest.raises(UserError, match='^--images=.*tree is the folder of a run, whose pictures are not data: name '):
        image_folder.load(str(folder), flag='--images')
    (folder / 'samples').mkdir()
    (folder / 'samples' / 'step_000001.png').write_bytes(picture(1))
    with pytest.raises(UserError, match='^--data_dir=.*samples is the folder of a run, whose pictures are not data'):
        image_folder.load(str(folder / 'samples'))
    (folder / 'config.json').unlink()
    assert image_folder.load(str(folder / 'samples')).num_examples == 1
