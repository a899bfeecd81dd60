"""The decoder of image folders against pictures whose pixels are known: depths, palettes, transparency, metadata."""
import functools
import hashlib
import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from dcgan_tf1.data import _decode, image_folder
from dcgan_tf1.util import image_files

pytestmark = pytest.mark.any_tensorflow

RANDOM = np.random.RandomState(0)
SIZE = 8
GRAY, PALETTE, GRAY_ALPHA, COLOR, COLOR_ALPHA = 0, 3, 4, 2, 6  # color types of PNG


def png(samples, depth, color_type, **chunks):
    """A PNG file of samples [height, width, …], written without Pillow."""
    height, width = samples.shape[:2]
    rows = samples.reshape(height, -1)
    if depth == 16:
        lines = [row.astype('>u2').tobytes() for row in rows]
    else:
        bits = (rows[..., None] >> np.arange(depth - 1, -1, -1)) & 1
        lines = [np.packbits(row.reshape(-1).astype(np.uint8)).tobytes() for row in bits]

    def chunk(name, content):
        return struct.pack('>I', len(content)) + name + content + struct.pack('>I', zlib.crc32(name + content))
    header = struct.pack('>IIBBBBB', width, height, depth, color_type, 0, 0, 0)
    return (b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', header) + b''.join(
        chunk(name.encode(), content) for name, content in chunks.items())
        + chunk(b'IDAT', zlib.compress(b''.join(b'\0' + line for line in lines))) + chunk(b'IEND', b''))


@pytest.fixture
def decoded(tmp_path):
    """(content of a file, suffix, options…) → its pixels."""
    def call(content, suffix='png', **options):
        (tmp_path / ('a.' + suffix)).write_bytes(content)
        options = {'image_size': SIZE, 'channels': 3, **options}
        return image_folder.load(str(tmp_path), **options).first(1)[0]
    return call


def random_samples(depth, *channels):
    return RANDOM.randint(0, 2 ** depth, (SIZE, SIZE, *channels))


def as_color(gray):
    return np.dstack([gray] * 3)


def to_8_bits(samples, depth):
    return samples >> 8 if depth == 16 else samples * (255 // (2 ** depth - 1))


@pytest.mark.parametrize('depth', [1, 2, 4, 8, 16])
def test_gray_with_and_without_a_transparent_level(depth, decoded):
    samples = random_samples(depth)
    expected = to_8_bits(samples, depth)
    np.testing.assert_array_equal(decoded(png(samples, depth, GRAY)), as_color(expected))
    level = samples[3, 4]
    expected = np.where(samples == level, 255, expected)
    content = png(samples, depth, GRAY, tRNS=struct.pack('>H', level))
    np.testing.assert_array_equal(decoded(content), as_color(expected))
    np.testing.assert_array_equal(decoded(content, channels=1)[..., 0], expected)


def test_close_levels_of_16_bits_are_not_all_transparent(decoded):
    samples = np.full((SIZE, SIZE), 0x1234)
    samples[:4] = 0x1235
    image = decoded(png(samples, 16, GRAY, tRNS=struct.pack('>H', 0x1234)))
    assert (image[:4] == 0x12).all() and (image[4:] == 255).all()


@pytest.mark.parametrize('depth', [8, 16])
def test_color_with_and_without_a_transparent_color(depth, decoded):
    samples = random_samples(depth, 3)
    expected = to_8_bits(samples, depth)
    np.testing.assert_array_equal(decoded(png(samples, depth, COLOR)), expected)
    expected[2, 5] = 255
    content = png(samples, depth, COLOR, tRNS=struct.pack('>3H', *samples[2, 5]))
    np.testing.assert_array_equal(decoded(content), expected)


@pytest.mark.parametrize('depth', [8, 16])
@pytest.mark.parametrize('color_type', [GRAY_ALPHA, COLOR_ALPHA])
def test_alpha(depth, color_type, decoded):
    samples = random_samples(depth, 2 if color_type == GRAY_ALPHA else 4)
    samples[0, :, -1], samples[1, :, -1] = 0, 2 ** depth - 1
    eight = to_8_bits(samples, depth)
    alpha = eight[..., -1:] / 255
    expected = np.broadcast_to(eight[..., :-1] * alpha + 255 * (1 - alpha), (SIZE, SIZE, 3))
    image = decoded(png(samples, depth, color_type))
    assert np.abs(image - expected).max() <= 1  # rounding
    assert (image[0] == 255).all() and (image[1] == expected[1]).all()


@pytest.mark.parametrize('depth', [1, 2, 4, 8])
def test_palettes(depth, decoded):
    samples, colors = random_samples(depth), RANDOM.randint(0, 256, (2 ** depth, 3)).astype(np.uint8)
    np.testing.assert_array_equal(decoded(png(samples, depth, PALETTE, PLTE=colors.tobytes())), colors[samples])
    # The first two entries get an alpha: one is transparent, one is opaque.
    expected = np.where(samples[..., None] == 0, 255, colors[samples])
    content = png(samples, depth, PALETTE, PLTE=colors.tobytes(), tRNS=b'\0\xff')
    np.testing.assert_array_equal(decoded(content), expected)


def save(image, format, **options):
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def test_gifs(decoded):
    """With a transparent index; from an animation, the first frame."""
    image = Image.fromarray(random_samples(2).astype(np.uint8), 'P')
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90, 200, 210, 220])
    colors = np.array([[10, 20, 30], [40, 50, 60], [70, 80, 90], [200, 210, 220]])
    indices = np.asarray(image)
    np.testing.assert_array_equal(decoded(save(image, 'GIF'), 'gif'), colors[indices])
    transparent = np.where(indices[..., None] == 2, 255, colors[indices])
    np.testing.assert_array_equal(decoded(save(image, 'GIF', transparency=2), 'gif'), transparent)
    animation = save(image, 'GIF', save_all=True, append_images=[Image.new('P', image.size)])
    np.testing.assert_array_equal(decoded(animation, 'gif'), colors[indices])


@pytest.mark.parametrize('mode', ['1', 'L', 'P', 'RGB', 'RGBA'])
def test_bmp(mode, decoded):
    image = Image.fromarray(random_samples(8, 3).astype(np.uint8)).convert(mode)
    assert (decoded(save(image, 'BMP'), 'bmp') == np.asarray(image.convert('RGB'))).all()


@pytest.mark.skipif(not image_files.READS_WEBP, reason='this Pillow cannot read WebP')
def test_webp(decoded):
    pixels = random_samples(8, 4).astype(np.uint8)
    pixels[..., 3] = np.where(pixels[..., 3] > 127, 255, 0)
    expected = np.where(pixels[..., 3:] == 0, 255, pixels[..., :3])
    for suffix in ('webp', 'png'):  # the content decides, not the name
        np.testing.assert_array_equal(decoded(save(Image.fromarray(pixels), 'WEBP', lossless=True), suffix), expected)


@pytest.mark.parametrize('suffix', ['jpg', 'jfif', 'JPE'])
@pytest.mark.parametrize('mode', ['L', 'RGB', 'CMYK'])
def test_jpeg(mode, suffix, decoded):
    image = Image.new('RGB', (SIZE, SIZE), (200, 100, 50)).convert(mode)
    expected = np.asarray(image.convert('RGB')).astype(int)
    assert np.abs(decoded(save(image, 'JPEG', quality=98), suffix) - expected).max() <= 3


def test_orientation_and_color_profiles_are_ignored(decoded):
    pixels = random_samples(8, 3).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6  # "rotate by 90 degrees"
    content = save(Image.fromarray(pixels), 'PNG', exif=exif, icc_profile=b'any profile')
    np.testing.assert_array_equal(decoded(content), pixels)
    content = save(Image.fromarray(pixels), 'PNG')
    gamma = content[:33] + struct.pack('>I4sI', 4, b'gAMA', 100000)
    gamma += struct.pack('>I', zlib.crc32(gamma[37:])) + content[33:]
    np.testing.assert_array_equal(decoded(gamma), pixels)


@functools.lru_cache(maxsize=None)
def smooth_picture(width, height):
    """A picture with edges and fine texture, like a photo."""
    coarse = Image.fromarray(RANDOM.randint(0, 256, (30, 40, 3)).astype(np.uint8)).resize((width, height), 2)
    return Image.fromarray(np.clip(np.asarray(coarse) + RANDOM.normal(0, 8, (height, width, 3)), 0, 255)
                           .astype(np.uint8))


@pytest.mark.parametrize('width, height', [(1203, 801), (640, 1999), (2049, 1157)])
@pytest.mark.parametrize('center_crop', [False, True])
@pytest.mark.parametrize('progressive', [False, True])
def test_large_jpegs_are_decoded_at_reduced_size(width, height, center_crop, progressive, decoded):
    """The tolerance is the one that docs/datasets.md states."""
    content = save(smooth_picture(width, height), 'JPEG', quality=90, progressive=progressive)
    whole, reduced = (decoded(content, 'jpg', image_size=64, center_crop=center_crop, fast_jpeg=fast).astype(int)
                      for fast in (False, True))
    assert 0 < np.abs(whole - reduced).max() <= 8 and np.abs(whole - reduced).mean() < 1
    unsmoothed = [decoded(content, 'jpg', image_size=64, antialias=False, fast_jpeg=fast) for fast in (False, True)]
    np.testing.assert_array_equal(*unsmoothed)


def test_other_formats_are_not_reduced(decoded):
    content = save(smooth_picture(600, 600), 'PNG')
    np.testing.assert_array_equal(decoded(content, fast_jpeg=True), decoded(content, fast_jpeg=False))


@pytest.mark.parametrize('alphas, expected', [((0, 0), (30, 20)), ((0, 255), (255, 20)), ((255, 255), (30, 20))])
def test_alphas_of_bitmaps(alphas, expected, tmp_path):
    """Where all are 0, the program that wrote the file did not know them, and the picture is opaque."""
    pixels = b''.join(bytes([level, level, level, alpha]) for level, alpha in zip((30, 20), alphas))
    masks = struct.pack('<IIII', 0xff0000, 0xff00, 0xff, 0xff000000)
    header = struct.pack('<IiiHHIIiiII', 108, 2, 1, 1, 32, 3, len(pixels), 0, 0, 0, 0) + masks + b'BGRs' + bytes(48)
    path = tmp_path / 'a.bmp'
    path.write_bytes(b'BM' + struct.pack('<IHHI', 130, 0, 0, 122) + header + pixels)
    with image_files.open_image(str(path)) as image:
        gray = np.asarray(_decode._to_opaque_8bit(image).convert('L'))
    assert tuple(gray[0]) == expected


def test_packed_images_know_of_every_change_of_the_decoder(tmp_path):
    """If this fails because other pixels are intended, increase `_decode.VERSION`, and put the new checksum here."""
    random = np.random.RandomState(0)
    pictures = {'color': random.randint(0, 256, (50, 37, 3)), 'alpha': random.randint(0, 256, (41, 60, 4)),
                'gray': random.randint(0, 256, (33, 33))}
    digest = hashlib.md5()
    for name, pixels in pictures.items():
        path = str(tmp_path / (name + '.png'))
        Image.fromarray(pixels.astype(np.uint8)).save(path)
        for channels in (1, 3):
            for center_crop in (False, True):
                for antialias in (False, True):
                    digest.update(_decode.decode(path, str(tmp_path), _decode.DecodeOptions(
                        16, channels, center_crop, antialias, follow_links=False, fast_jpeg=True)).tobytes())
    assert (_decode.VERSION, digest.hexdigest()) == (2, 'e3486b1a253a5ebb1def74b6f1d31f0f')
