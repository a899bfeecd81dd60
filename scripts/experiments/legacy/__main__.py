"""Runs public TensorFlow 1 GANs, unmodified, with and without `python -m dcgan_tf1.legacy`.

  python -m scripts.experiments.legacy --code_dir=my/clones --data_dir=my/mnist --image_dir=my/pictures

repositories.json lists the repositories, their commits and the scripts. --code_dir has a clone of each, in OWNER/NAME;
with --clone, missing ones are cloned from GitHub. Each script runs in a copy of its repository: first plainly, with
`python SCRIPT.py`, until it fails or --plain_seconds have passed; then with the command, for --max_runs calls of
Session.run or --seconds.

Scripts that repositories.json marks as unseen were listed before any of them had run. They run only with the command.
The page tells both what the first attempt gave and what the last one did.

Writes measurements.json, unseen.json and README.md to --output. Scripts that have been measured already are not run
again, except those that --only names.
"""
import dataclasses
import gzip
import os
import random
import re
import shutil
import sys
import tempfile
from typing import Any, Dict, Optional

from PIL import Image

from dcgan_tf1.settings import cli, fields
from scripts.experiments.legacy import clones
from scripts.experiments.legacy.page import name_of, page
from scripts.lib import paths
from scripts.lib.arguments import existing_folder, output_folder
from scripts.lib.measurements import read_json, write_json, write_page

_MODULE = 'scripts.experiments.legacy'
# {whether repositories.json marks scripts as unseen: the file with their results}.
FILES = {False: 'measurements.json', True: 'unseen.json'}
_FACES = 300  # images in the folder that stands for CelebA: more than the scripts need
_SIZES = {'images': (178, 218), 'images64': (64, 64), 'pairs': (512, 256)}  # (width, height)
_ATTRIBUTES = ('Black_Hair', 'Blond_Hair', 'Brown_Hair', 'Male', 'Young', 'Mustache', 'Pale_Skin', 'Smiling')


@dataclasses.dataclass(frozen=True)
class LegacyArguments(clones.ClonesArguments):
    """Arguments of this script."""

    image_dir: Optional[str] = existing_folder(None, 'folder of JPEG files, for scripts that want photos')
    max_runs: int = fields.integer(100, 1, 'calls of Session.run')
    seconds: int = fields.integer(600, 1, 'time limit of a script')
    plain_seconds: int = fields.integer(60, 1, 'time limit of a plain run')
    only: Optional[str] = fields.text(None, 'run only scripts whose "repository/script arguments" contains this')
    output: str = output_folder('experiments', 'legacy')


def main(arguments: LegacyArguments) -> int:
    """The script; returns the exit status."""
    os.makedirs(arguments.output, exist_ok=True)
    files = {unseen: os.path.join(arguments.output, name) for unseen, name in FILES.items()}
    stored: Dict[bool, Any] = {unseen: read_json(path, {}) for unseen, path in files.items()}
    repositories = clones.repositories()
    for repository in repositories:
        unseen = bool(repository.get('unseen'))
        results = stored[unseen]
        for entry in repository['scripts']:
            name = name_of(repository, entry)
            if (arguments.only in name) if arguments.only else (name not in results):
                print(name, flush=True)
                before = results.get(name)
                with tempfile.TemporaryDirectory() as folder:
                    results[name] = measure(repository, entry, folder, arguments)
                if unseen and before:
                    results[name]['first'] = before.get('first') or {key: before[key] for key in ('good', 'outcome')}
                print('  %(plain)s | %(outcome)s' % results[name], flush=True)
                write_json(files[unseen], results, sort_keys=True)
    text = page(repositories, {**stored[False], **stored[True]}, _MODULE, arguments.max_runs)
    write_page(arguments.output, text)
    return 0


def measure(repository: Dict[str, Any], entry: Dict[str, Any], folder: str,
            arguments: LegacyArguments) -> Dict[str, Any]:
    """Runs a script in a new copy of its repository, plainly and with the command."""
    copy = os.path.join(folder, 'copy')
    clones.copy(repository, copy, arguments.code_dir, arguments.clone)
    for place, kind in repository['data'].items():
        provide(os.path.join(copy, place), kind, arguments)
    script = os.path.join(copy, entry['script'])
    words = [os.path.basename(script), *entry.get('arguments', [])]
    environment = {**os.environ, 'PYTHONWARNINGS': 'ignore', 'TF_CPP_MIN_LOG_LEVEL': '3',
                   'PYTHONPATH': os.pathsep.join([paths.ROOT, *(os.path.join(copy, entry[key])
                                                                for key in ('path',) if key in entry)])}
    place = os.path.dirname(script)
    unseen = bool(repository.get('unseen'))
    plain = words if words[0].endswith('.py') else ['-c', _NOTEBOOK % words[0]]
    status, output = (1, 'not tried') if unseen else clones.run(
        [sys.executable, *plain], place, environment, arguments.plain_seconds)
    report = os.path.join(folder, 'report.json')
    flags = ['--max_runs=%d' % arguments.max_runs, '--report=' + report,
             '--data_dir=' + os.path.abspath(arguments.data_dir)]
    flags += ['--python2'] if entry.get('python2') else []
    command = [sys.executable, '-m', 'dcgan_tf1.legacy', *flags, *words]
    seconds = entry.get('seconds', arguments.seconds)
    ended, messages = clones.run(command, place, environment, seconds)
    result = read_json(report, {})
    runs = result.get('runs', 0)
    good = runs > 0 and (ended == 0 or (ended is None and unseen))
    return {
        'plain': 'ran' if status in (0, None) else last_line(output),
        'outcome': '%d runs' % runs + (' in %d s' % seconds if ended is None else '') if good
        else 'more than %d s' % seconds if ended is None else result.get('error') or last_line(messages),
        'good': good, 'put_back': [put_back['name'] for put_back in result.get('put_back', [])],
        'batch_norm': [{'kind': finding['kind'], 'layers': len(finding['layers'])}
                       for finding in result.get('batch_norm', [])]}


# What IPython would do with the cells, except for its own commands.
_NOTEBOOK = '''
import json
for cell in json.load(open(%r))["cells"]:
    if cell["cell_type"] == "code":
        exec("".join(line for line in cell["source"] if not line.lstrip().startswith(("%%", "!"))), globals())
'''


def last_line(output: str) -> str:
    """The last line of a traceback."""
    lines = [line for line in output.strip().splitlines() if 'rror' in line and not line.startswith(' ')]
    line = (lines or output.strip().splitlines() or ['no output'])[-1]
    return re.sub(r' \(/[^)]*\)', '', line)[:200]  # without the place of an installed library


def provide(place: str, kind: str, arguments: LegacyArguments) -> None:
    """Puts into the copy of a repository what its README asks for.

    Args:
      place: the folder to fill.
      kind: 'mnist', 'images' (photographs of the size of CelebA's), 'images64' (of 64×64 pixels), 'pairs' (of 512×256,
        as for pix2pix), 'attributes' (a list like CelebA's, with random values) or 'empty' (a folder for results).
        'images:JPEG' has another file name extension.
      arguments: the arguments of this script.
    """
    if kind == 'empty':
        os.makedirs(place, exist_ok=True)
        return
    if kind == 'attributes':
        random.seed(1)
        with open(os.path.join(place, 'list_attr_celeba.txt'), 'w', encoding='utf-8') as attributes:
            attributes.write('%d\n%s\n' % (_FACES, ' '.join(_ATTRIBUTES)))
            for number in range(1, _FACES + 1):
                attributes.write('%06d.jpg %s\n' % (number, ' '.join(random.choice(['1', '-1']) for _ in _ATTRIBUTES)))
        return
    if kind == 'mnist':
        shutil.copytree(arguments.data_dir, place, dirs_exist_ok=True)
        for name in os.listdir(place):
            if name.endswith('.gz'):  # some scripts want the compressed files, others the files in them
                path_there = os.path.join(place, name)
                with gzip.open(path_there) as source, open(path_there[:-3], 'wb') as target:
                    shutil.copyfileobj(source, target)
        return
    if arguments.image_dir is None:
        sys.exit('error: %s wants photographs: name a folder of JPEG files with --image_dir' % place)
    if os.path.islink(place) or os.path.isfile(place):  # the author's link to his data
        os.remove(place)
    os.makedirs(place, exist_ok=True)
    name, _, ending = kind.partition(':')
    files = sorted(os.path.join(folder, file) for folder, _, names in os.walk(arguments.image_dir) for file in names
                   if file.lower().endswith(('.jpg', '.jpeg')))[:_FACES]
    for number, file in enumerate(files, 1):
        size = _SIZES[name]
        Image.open(file).convert('RGB').resize(size).save(
            os.path.join(place, '%06d.%s' % (number, ending or 'jpg')), 'JPEG')


if __name__ == '__main__':
    cli.main(main, LegacyArguments)
