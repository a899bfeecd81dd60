"""Decides which images a run is trained on, also if files cannot be read or were removed since it was started."""
import functools
import unicodedata
from typing import Any, Dict, NamedTuple, Optional

from dcgan_tf1 import data
from dcgan_tf1.data import AnyImages
from dcgan_tf1.data.image_folder import ImageFolder
from dcgan_tf1.settings.train import TrainSettings
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.log import log

# The key `data` of config.json has these keys:
#   checksum, images: of all listed images, whether they can be read or not.
#   trained_on: the number of images that the run is trained on.
#   unreadable: {name: size} of the files that are left out for good. Only of image folders.
#   faults: {name: size} of files that stopped the run. Nothing has been trained without them yet.
_Record = Dict[str, Any]
_SHOWN = 5  # how many unreadable files the log lists, with the reasons


class TrainingData(NamedTuple):
    """What a run is trained on."""

    images: AnyImages
    record: _Record  # `data` of config.json


def load(settings: TrainSettings, run_dir: str, earlier_config: Optional[Dict[str, Any]]) -> TrainingData:
    """Loads the images of a run.

    Args:
      settings: the settings of the run.
      run_dir: its folder, for error messages.
      earlier_config: the config.json of the run, if it is resumed.
    Raises: UserError if the images cannot be loaded, or are not those that the run was started with.
    """
    full, images = data.load_for(settings)
    earlier = earlier_config.get('data') if earlier_config else None
    if isinstance(full, ImageFolder):
        if settings.pack_dir:
            full = full.packed_in(settings.pack_dir)
        scanned = earlier_config is not None and earlier_config['flags'].get('skip_unreadable') is True
        return _load_folder(settings, run_dir, full, earlier, scanned)
    record = _record(full, images)
    if earlier_config and earlier != record:
        raise _other_images(settings, run_dir, record, earlier)
    return TrainingData(images, record)


def _record(full: AnyImages, images: AnyImages) -> _Record:
    return {'checksum': full.checksum(), 'images': full.num_examples, 'trained_on': images.num_examples}


def _other_images(settings: TrainSettings, run_dir: str, record: _Record, earlier: Any) -> UserError:
    return UserError('the images of --dataset=%s are not those that the run in %s was started with: %s, then %s; '
                     'restore those images, or name a new --run_dir' % (settings.dataset, run_dir, record, earlier))


def _load_folder(settings: TrainSettings, run_dir: str, current: ImageFolder, earlier: Optional[_Record],
                 was_checked: bool) -> TrainingData:
    """The training images of a folder.

    Args:
      current: all images that the folder contains now.
      earlier: `data` of the run's config.json, if it is resumed.
      was_checked: whether the run had --skip_unreadable when it wrote that.
    """
    full, unreadable, faults = current, {}, {}
    if earlier is not None:
        unreadable, faults = _sizes(earlier, 'unreadable'), _sizes(earlier, 'faults')
        full = _as_started(settings, run_dir, current, earlier, {**unreadable, **faults})
    for remark in full.remarks():
        log.info('%s', remark)
    if not settings.skip_unreadable:
        present = faults.keys() & set(current.names)
        if present:
            current.only(present).first(len(present))  # raises the error that stopped the run, if it persists
        unreadable.update((name, faults[name]) for name in faults.keys() - present)
    elif was_checked and earlier is not None and 'unreadable' in earlier:
        unreadable.update(faults)
    else:
        reasons = full.without(unreadable).find_unreadable()
        unreadable.update(full.sizes(reasons))
        for name, reason in sorted(reasons.items())[:_SHOWN]:
            log.info('%s: %s', name, reason)
    images = full.without_first(settings.holdout or 0).without(unreadable)
    if earlier is None and not settings.skip_unreadable:
        images.check_not_packed()
    if not images.num_examples:
        raise UserError('no training image in --data_dir=%s can be read: name another folder' % full.source)
    record = _record(full, images)
    if unreadable or settings.skip_unreadable:
        record['unreadable'] = unreadable
    if unreadable:
        log.info('left out of %s: %s, among them %s', full.source,
                 _count(len(unreadable), 'file that cannot be read or is gone',
                        'files that cannot be read or are gone'), min(unreadable))
    if settings.pack_dir:
        log.info('the decoded images are in %s', settings.pack_dir)
    _log_size(settings, earlier is None)
    return TrainingData(images, record)


def _count(number: int, one: str, several: str) -> str:
    return '%d %s' % (number, one if number == 1 else several)


def _sizes(record: _Record, key: str) -> Dict[str, int]:
    """{name: size} as config.json holds it; {} if it is missing or damaged."""
    sizes = record.get(key)
    if not isinstance(sizes, dict):
        return {}
    return {name: size for name, size in sizes.items() if isinstance(size, int)}


def _as_started(settings: TrainSettings, run_dir: str, current: ImageFolder, earlier: _Record,
                known: Dict[str, int]) -> ImageFolder:
    """All images that the folder contained when a run was started.

    Args:
      known: {name: size} of files that could not be read. They may have been removed or replaced since.
    """
    full = current.with_earlier(known)
    if (full.checksum(), full.num_examples) != (earlier.get('checksum'), earlier.get('images')):
        for form in ('NFC', 'NFD'):
            if full.renamed(functools.partial(unicodedata.normalize, form)).checksum() == earlier.get('checksum'):
                raise UserError('the names of the files in --data_dir=%s are not in the Unicode form %s, as when the '
                                'run in %s was started (macOS has another one): rename them, for example with convmv '
                                '-f utf8 -t utf8 --%s -r --notest' % (full.source, form, run_dir, form.lower()))
        raise _other_images(settings, run_dir, _record(full, full), earlier)
    return full


def _log_size(settings: TrainSettings, is_new: bool) -> None:
    """Says what the settings make of every picture."""
    log.info('every picture becomes %d×%d pixels, %s: --image_size=%d --channels=%d',
             settings.image_size, settings.image_size, 'grayscale' if settings.channels == 1 else 'in color',
             settings.image_size, settings.channels)
    if is_new and not settings.given & {'recipe', 'image_size', 'channels'}:
        log.info('for pictures of 64×64 pixels in color, use a recipe such as --recipe=learnopencv_torch')
