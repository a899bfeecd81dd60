"""Kills, interrupts and starves trainings, and sees whether each comes out as if nothing had happened.

  .venv-3.11/bin/python scripts/check_reliability.py

It needs no data: two recipes train on the embedded digits, one on a folder of pictures that are drawn here. Every
recipe is trained once undisturbed. Then the same command is given again and again, and each time ended by `kill -9`: in
turn at any moment, while a checkpoint is being written, and while a picture is; once each by SIGTERM, Ctrl-C and two of
these. What is in the folder after each must be whole, and the run that comes of it equal to the undisturbed one bit for
bit. The same is asked of a full disk, a folder that can't be written to, and one that is deleted in mid-run (these need
Linux and `unshare`, so that anyone may mount a small disk). Last, a long run's memory and disk use are read as it goes.

What was measured goes to measurements.json in --output; what is there is not measured again. Then README.md and
memory.png are written there. Exits with status 1 if anything was lost.
"""
import argparse
import contextlib
import glob
import json
import os
import platform
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import numpy as np
from PIL import Image

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))

import tensorflow.compat.v1 as tf

import trainings
from arguments import any_path, at_least, list_of, one_of
from dcgan_tf1 import checkpoints, plots
from dcgan_tf1.errors import exit_status
from dcgan_tf1.run_folder import RunFolder, write
from trainings import ROOT, flagfile

# Small batches: what is to be hit is what lies between the steps. Everything is written often, for the same reason.
BUSY = ('--batch_size=8', '--sample_size=4', '--log_every=1', '--sample_every=3', '--checkpoint_every=4',
        '--keep_checkpoints=2', '--seed=0')
DIGITS = ('--dataset=digits', '--holdout=0')
# The pictures' run is evaluated too, and its best checkpoint kept.
PICTURES = ('--dataset=image_folder', '--image_size=32', '--evaluate_every=16', '--evaluation_images=32',
            '--best_by=sharpness_ratio')
RECIPES = {'sparse_softmax': DIGITS, 'machinecurve': DIGITS, 'learnopencv_torch': PICTURES}
ANY, CHECKPOINT, PICTURE = MOMENTS = ('else', 'in a checkpoint', 'in a picture')  # what was being written
SIGNALS = {'SIGTERM': [signal.SIGTERM], 'Ctrl-C': [signal.SIGINT], 'Ctrl-C twice': [signal.SIGINT] * 2}
STATUS = {'SIGTERM': 143, 'Ctrl-C': 130, 'Ctrl-C twice': 130}  # as a shell reports them
FAULTY = 'machinecurve'  # the recipe that meets full disks and lost folders, and runs long
LONG_BATCH = 8  # images a step of the long run
PATIENCE = 600  # seconds that a step may take to come
MIB = 2 ** 20


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--recipes', type=list_of(one_of(RECIPES)), default=','.join(RECIPES),
                        help='comma-separated, of %s' % ', '.join(RECIPES))
    parser.add_argument('--kills', type=at_least(1), default=18, help='`kill -9`s of every recipe')
    parser.add_argument('--steps', type=at_least(9), default=120, help='length of the runs that are killed')
    parser.add_argument('--long_steps', type=at_least(20), default=20000, help='length of the long run')
    parser.add_argument('--seed', type=at_least(0), default=0, help='of the moments')
    parser.add_argument('--output', type=any_path, default=os.path.join(ROOT, 'results', 'reliability'),
                        help='folder for the results')
    parsed = parser.parse_args(arguments)
    if parsed.steps < parsed.kills + 8:
        parser.error('--kills and --steps: at least 8 steps more than kills, not %d and %d'
                     % (parsed.kills, parsed.steps))
    return parsed


class Training:
    """A run's command, to be given once or many times."""

    def __init__(self, folder, name, recipe, *flags):
        """The run folder is `name` below `folder`; what the command says is kept beside, not in it."""
        self.folder = RunFolder(os.path.join(folder, name))
        self._command = [sys.executable, '-m', 'dcgan_tf1.train', '--flagfile=' + flagfile(recipe), *flags,
                         '--run_dir=' + self.folder.path]
        self._told = os.path.join(folder, name.replace(os.sep, '-') + '.told')
        self.process = None
        os.makedirs(folder, exist_ok=True)

    def begin(self):
        """Gives the command."""
        with open(self._told, 'w', encoding='utf-8') as told:
            self.process = subprocess.Popen(self._command, cwd=ROOT, stdout=told, stderr=told)

    def wait_for(self, condition):
        """Waits until something is so, or the command has ended."""
        deadline = time.time() + PATIENCE
        while self.process.poll() is None and not condition():
            if time.time() > deadline:
                self.process.kill()
                sys.exit('error: %s has waited for %d s; what it said is in %s'
                         % (self.folder.path, PATIENCE, self._told))
            time.sleep(0.0005)

    def wait_for_step(self, step):
        self.wait_for(lambda: self.step() >= step)

    def step(self):
        """The last step that this call of the command has told of, or 0."""
        steps = re.findall(r'^step (\d+)/', self.told(), re.M)
        return int(steps[-1]) if steps else 0

    def told(self):
        """What this call of the command has said."""
        with open(self._told, encoding='utf-8') as file:
            return file.read()

    def end(self, *signals):
        """Sends signals (their numbers), and waits for the end: (status as a shell has it, seconds)."""
        began = time.perf_counter()
        for last, number in enumerate(signals, 1 - len(signals)):
            self.process.send_signal(number)
            if last:
                self.wait_for(lambda: 'stopping' in self.told())
        status = self.process.wait()
        return status if status >= 0 else 128 - status, time.perf_counter() - began

    def fails(self):
        """The command to an end that is an error: (status, that line of what it said)."""
        self.begin()
        status, _ = self.end()
        return status, self.error()

    def error(self):
        """The one line with the error. All that was said, where it is not one line."""
        lines = [line for line in self.told().splitlines() if line.startswith('error: ')]
        return lines[0] if len(lines) == 1 and 'Traceback' not in self.told() else self.told()

    def finish(self):
        """The command to its end, which must be a good one."""
        self.begin()
        if self.end()[0]:
            sys.exit('error: %s has failed: %s' % (self.folder.path, self.told()))

    def writing(self):
        """What is just being written, one of `MOMENTS`."""
        for moment, folder, half in ((CHECKPOINT, self.folder.checkpoints, '.tempstate'),
                                     (PICTURE, self.folder.samples, '.partial')):
            if os.path.isdir(folder) and any(half in name for name in os.listdir(folder)):
                return moment
        return ANY


def content(folder):
    """What a run left that must be the same in every run like it: {name: bytes or array}."""
    found = {'metrics.jsonl': json.dumps([{name: value for name, value in record.items() if name != 'images_per_second'}
                                          for record in folder.read_metrics()]).encode()}
    scores = sorted(folder.read_scores(), key=lambda evaluation: evaluation['checkpoint'])
    found['scores.json'] = json.dumps([(evaluation['checkpoint'], evaluation['scores']) for evaluation in scores],
                                      sort_keys=True).encode()
    for path in (checkpoints.last_checkpoint(folder), checkpoints.best_checkpoint(folder)):
        if path:
            reader = tf.train.load_checkpoint(path)
            found.update({'%s: %s' % (os.path.relpath(path, folder.path), name): reader.get_tensor(name)
                          for name in reader.get_variable_to_shape_map()})
    for path in [*folder.grids(), folder.reals, folder.film]:
        with open(path, 'rb') as file:
            found[os.path.basename(path)] = file.read()
    return found


def differences(folder, undisturbed):
    """Names of all that differs between what a run left and the undisturbed one's `content`, a list."""
    ours = content(folder)
    return sorted(name for name in set(ours) | set(undisturbed)
                  if name not in ours or name not in undisturbed or not np.array_equal(ours[name], undisturbed[name]))


def halves(folder):
    """What is wrong with the files that have their final names, a list of texts."""
    def image(path):
        with Image.open(path) as opened:
            opened.load()

    def text(path):
        with open(path, encoding='utf-8') as file:
            json.load(file)

    def checkpoint(path):
        reader = tf.train.load_checkpoint(os.path.splitext(path)[0])
        for name in reader.get_variable_to_shape_map():
            reader.get_tensor(name)  # TensorFlow compares it with its checksum
    faults = []
    for pattern, read in (('*.png', image), ('samples/*.png', image), ('samples/*.gif', image), ('*.json', text),
                          ('checkpoints/*.index', checkpoint), ('best/*.index', checkpoint)):
        for path in glob.glob(os.path.join(glob.escape(folder.path), pattern)):
            try:
                read(path)
            except Exception as error:  # whatever a half file makes its reader raise
                faults.append('%s: %s' % (os.path.relpath(path, folder.path), error))
    return faults


def disturb(training, undisturbed, seconds_a_step, arguments):
    """Gives the command again and again, and ends it each time before it is done: figures."""
    draw = random.Random(arguments.seed)
    steps = sorted(draw.sample(range(1, arguments.steps - 2), arguments.kills + len(SIGNALS)))
    ends = ['kill'] * arguments.kills + list(SIGNALS)
    draw.shuffle(ends)
    found = {'kills': dict.fromkeys(MOMENTS, 0), 'half_lines': 0, 'halves': [], 'signals': {}}
    for number, (step, end) in enumerate(zip(steps, ends)):
        print('%s: %s at step %d' % (training.folder.path, end, step), file=sys.stderr)
        training.begin()
        training.wait_for_step(step)
        if end == 'kill':
            wanted = MOMENTS[number % len(MOMENTS)]
            if wanted == ANY:
                time.sleep(draw.uniform(0, 3 * seconds_a_step))
            else:
                training.wait_for(lambda wanted=wanted: training.writing() == wanted)
            status, _ = training.end(signal.SIGKILL)
            if status == 128 + signal.SIGKILL:  # else it was done before
                found['kills'][training.writing()] += 1
            with open(training.folder.metrics, encoding='utf-8') as file:
                found['half_lines'] += not file.read().endswith('\n')
        else:
            status, seconds = training.end(*SIGNALS[end])
            saved = re.search(r'stopped and saved at step \d+', training.told())
            found['signals'][end] = {'status': status, 'seconds': seconds, 'saved': bool(saved),
                                     'traceback': 'Traceback' in training.told()}
        found['halves'] += halves(training.folder)
    training.finish()
    found['left'] = [name for name in os.listdir(training.folder.checkpoints) if 'temp' in name or '.tmp' in name]
    return {**found, 'differences': differences(training.folder, undisturbed)}


def draw_pictures(folder):
    """Sixty JPEG files of coloured noise, smoothed."""
    os.makedirs(folder)
    random_state = np.random.RandomState(0)
    for number in range(60):
        small = random_state.randint(0, 256, (4, 4, 3)).astype(np.uint8)
        Image.fromarray(small).resize((48, 40), Image.BICUBIC).save(os.path.join(folder, '%02d.jpg' % number))


def begin_undisturbed(recipe, folder, arguments):
    """Trains a recipe undisturbed: (its flags, `content`, seconds a step)."""
    flags = [*BUSY, *RECIPES[recipe], '--steps=%d' % arguments.steps]
    if RECIPES[recipe] is PICTURES:
        pictures = os.path.join(folder, 'pictures')
        if not os.path.isdir(pictures):
            draw_pictures(pictures)
        flags.append('--data_dir=' + pictures)
    training = Training(folder, recipe, recipe, *flags)
    training.finish()
    rates = [record['images_per_second'] for record in training.folder.read_metrics()]
    return flags, content(training.folder), 8 / float(np.median(rates))


def meet_faults(folder, disks, arguments):
    """A full disk, a folder that can't be written to, one that is deleted: {fault: figures}.

    Mounts small disks; they are unmounted as `disks`, an ExitStack, is left.
    """
    flags, undisturbed, _ = begin_undisturbed(FAULTY, folder, arguments)
    found = {}

    def fresh(name, size):
        where = os.path.join(folder, name)
        os.makedirs(where)
        mount('-t', 'tmpfs', '-o', 'size=%d' % size, 'none', where)
        disks.callback(subprocess.check_call, ['umount', '--lazy', where])
        return where, Training(folder, os.path.join(name, 'run'), FAULTY, *flags)

    def went_on(training, status, error):
        broken = halves(training.folder)
        training.finish()
        return {'status': status, 'error': error.replace(folder + os.sep, ''), 'halves': broken,
                'differences': differences(training.folder, undisturbed)}

    checkpoint = sum(map(os.path.getsize, glob.glob(
        checkpoints.last_checkpoint(RunFolder(os.path.join(folder, FAULTY))) + '*')))
    # Room for the two checkpoints that are kept, and half of the one that is written before the oldest goes.
    where, training = fresh('full', int(2.5 * checkpoint) + 2 * MIB)
    status, error = training.fails()
    mount('-o', 'remount,size=%d' % (50 * checkpoint), where)
    found['full disk'] = went_on(training, status, error)

    where, training = fresh('filled', 50 * checkpoint)  # by something else, at a moment
    training.begin()
    training.wait_for_step(arguments.steps // 2)
    filler = os.path.join(where, 'filler')
    with contextlib.suppress(OSError), open(filler, 'wb', buffering=0) as file:
        while file.write(bytes(4096)) == 4096:
            pass
    status, _ = training.end()
    os.remove(filler)
    found['disk filled by another program'] = went_on(training, status, training.error())

    where, training = fresh('read_only', 50 * checkpoint)
    training.begin()
    training.wait_for_step(arguments.steps // 2)
    training.end(signal.SIGTERM)
    mount('-o', 'remount,ro', where)
    status, error = training.fails()
    mount('-o', 'remount,rw', where)
    found['read-only folder'] = went_on(training, status, error)

    where, training = fresh('deleted', 50 * checkpoint)
    training.begin()
    training.wait_for_step(arguments.steps // 2)
    shutil.rmtree(training.folder.path, ignore_errors=True)
    status, _ = training.end()
    found['folder deleted in mid-run'] = went_on(training, status, training.error())
    return found


def mount(*arguments):
    subprocess.check_call(['mount', *arguments])


def run_long(folder, arguments):
    """A long run's memory and disk use: {'step': [], 'memory': [] (bytes resident), 'disk': [] (bytes)}."""
    training = Training(folder, 'long', FAULTY, *RECIPES[FAULTY], '--batch_size=%d' % LONG_BATCH,
                        '--log_every=%d' % max(1, arguments.long_steps // 200), '--steps=%d' % arguments.long_steps)
    found = {'step': [], 'memory': [], 'disk': []}
    training.begin()
    while True:
        last = found['step'][-1] if found['step'] else 0
        training.wait_for_step(last + 1)
        try:
            with open('/proc/%d/status' % training.process.pid) as file:
                memory = re.search(r'VmRSS:\s*(\d+) kB', file.read())
        except FileNotFoundError:
            memory = None
        if training.process.poll() is not None or not memory:
            break
        found['step'].append(training.step())
        found['memory'].append(int(memory.group(1)) * 1024)
        found['disk'].append(sum(os.path.getsize(os.path.join(path, name)) for path, _, names in os.walk(
            training.folder.path) for name in names if os.path.exists(os.path.join(path, name))))
        time.sleep(0.02)
    if training.end()[0]:
        sys.exit('error: %s has failed: %s' % (training.folder.path, training.told()))
    return found


def main(arguments=None):
    arguments = parse(arguments)
    tf.logging.set_verbosity(tf.logging.ERROR)
    os.makedirs(arguments.output, exist_ok=True)
    measurements = trainings.Measurements(arguments.output, {name: getattr(arguments, name) for name in (
        'recipes', 'kills', 'steps', 'long_steps', 'seed')}, versions={
            'tensorflow': tf.__version__, 'python': platform.python_version()})
    can_mount = os.environ.get(_MAY_MOUNT) == 'yes'
    with tempfile.TemporaryDirectory() as folder:
        try:
            for recipe in arguments.recipes:
                if not measurements.has('kills', recipe):
                    flags, undisturbed, seconds = begin_undisturbed(recipe, folder, arguments)
                    measurements.add(('kills', recipe), disturb(
                        Training(folder, recipe + '-killed', recipe, *flags), undisturbed, seconds, arguments))
            if can_mount and not measurements.has('faults', FAULTY):
                with contextlib.ExitStack() as disks:
                    measurements.add(('faults', FAULTY), meet_faults(os.path.join(folder, 'faults'), disks, arguments))
            if not measurements.has('long', FAULTY):
                measurements.add(('long', FAULTY), run_long(folder, arguments))
        finally:  # a stopped script shows what it has
            lost = report(measurements, arguments)
    return 1 if lost else 0


def losses(measurements):
    """What was lost or is not as it should be, a list of texts."""
    found = []
    for (_, recipe), figures in measurements.items('kills', None):
        found += ['%s: half of a file after a kill: %s' % (recipe, fault) for fault in figures['halves']]
        found += ['%s, killed: other than undisturbed: %s' % (recipe, name) for name in figures['differences']]
        found += ['%s: %s was left in checkpoints/' % (recipe, name) for name in figures['left']]
        found += ['%s, %s: status %d' % (recipe, end, told['status']) for end, told in figures['signals'].items()
                  if told['status'] != STATUS[end] or told['traceback'] or not (told['saved'] or 'twice' in end)]
    for _, faults in measurements.items('faults', None):
        for name, figures in faults.items():
            found += ['%s: half of a file: %s' % (name, fault) for fault in figures['halves']]
            found += ['%s: other than undisturbed: %s' % (name, what) for what in figures['differences']]
            if figures['status'] != 1 or '\n' in figures['error'] or not figures['error']:
                found.append('%s: status %d and not one line: %s' % (name, figures['status'], figures['error']))
    return found


def report(measurements, arguments):
    """Writes README.md and memory.png of all that was measured; returns what was lost."""
    lost = losses(measurements)
    killed = {recipe: figures for (_, recipe), figures in measurements.items('kills', None)}
    kills = sum(sum(figures['kills'].values()) for figures in killed.values())
    text = '''# What happens to a run whose process dies

Made by `python scripts/check_reliability.py`, which says how; TensorFlow %s, Python %s.

**%d `kill -9`s of %d recipes' trainings: %s**
''' % (*(measurements.content['versions'][name] for name in ('tensorflow', 'python')), kills, len(killed),
       'nothing was lost. Every run came out as the one that was never disturbed, bit for bit.' if not lost
       else 'this was lost or went wrong:')
    text += ''.join('\n- %s' % fault for fault in lost) + '\n' * bool(lost)
    if killed:
        text += '''
## Killed

The same command again and again, ended by `kill -9` at random steps, until it came to its end. Compared with the
undisturbed run: all variables, Adam's slots and moving statistics of the last and the best checkpoint, every logged
loss, once each, all pictures byte by byte, and the scores. After every kill, each file of a final name was read:
pictures, JSON, and checkpoints with their checksums. (A half line at the end of metrics.jsonl is dropped by the next
call.)

| recipe | kills in a checkpoint | in a picture | elsewhere | half lines | half files | differences |
| --- | --- | --- | --- | --- | --- | --- |
'''
        for recipe, figures in killed.items():
            text += '| `%s` | %s | %d | %d | %d |\n' % (
                recipe, ' | '.join('%d' % figures['kills'][moment] for moment in (CHECKPOINT, PICTURE, ANY)),
                figures['half_lines'], len(figures['halves']), len(figures['differences']))
        text += '''
## Asked to stop

Within the same runs, at random steps. The second Ctrl-C comes as soon as the first is answered. (Seconds on a machine
that may have had other work.)

| recipe | signal | seconds to the end | status | saved |
| --- | --- | --- | --- | --- |
'''
        for recipe, figures in killed.items():
            for end, told in sorted(figures['signals'].items()):
                text += '| `%s` | %s | %.2f | %d | %s |\n' % (recipe, end, told['seconds'], told['status'],
                                                            'yes' if told['saved'] else 'no')
    for _, faults in measurements.items('faults', None):
        text += '''
## Out of room, read-only, deleted

`%s`, on small disks of its own. «After» is what the same command made once the cause was gone, compared as
above.

| fault | status | what it said | after |
| --- | --- | --- | --- |
''' % FAULTY
        for name, figures in faults.items():
            text += '| %s | %d | %s | %s |\n' % (name, figures['status'], ' '.join(figures['error'].split()),
                                                 'as undisturbed' if not figures['differences'] else 'differs')
    for _, figures in measurements.items('long', None):
        write(os.path.join(arguments.output, 'memory.png'), draw_long(figures))
        half, end = len(figures['step']) // 2, len(figures['step'])
        text += '''
## Long

![Memory and disk use](memory.png)

`%s` in batches of %d of the embedded digits, %d steps. Memory: %.0f MiB at step %d, at most %.0f MiB in the first half
and %.0f MiB in the second. On disk: %.1f MiB at step %d, %.1f MiB at the end; what grows are the grids of images and
the events for TensorBoard, at the rate of --sample_every, --log_every and --checkpoint_every.
''' % (FAULTY, LONG_BATCH, arguments.long_steps, figures['memory'][0] / MIB, figures['step'][0],
       max(figures['memory'][:half]) / MIB, max(figures['memory'][half:]) / MIB,
       figures['disk'][half] / MIB, figures['step'][half], figures['disk'][end - 1] / MIB)
    if os.path.exists(os.path.join(arguments.output, 'fuzzing.md')):
        text += '\n## Bad input\n\n[Measured by another script](fuzzing.md).\n'
    write(os.path.join(arguments.output, 'README.md'), text.encode())
    print(text)
    return lost


def draw_long(figures):
    """A PNG: memory and disk use against the step."""
    drawing = plots.canvas(9, 3)
    for axis, name in zip(drawing.subplots(1, 2), ('memory', 'disk')):
        axis.plot(figures['step'], np.array(figures[name]) / MIB, color='#1b6ca8', linewidth=1.2)
        axis.set_ylim(0, 1.1 * max(figures[name]) / MIB)
        axis.set_title({'memory': 'memory of the process, MiB', 'disk': 'run folder, MiB'}[name], fontsize=9)
        axis.set_xlabel('step', fontsize=8)
        axis.tick_params(labelsize=8)
    return plots.rendered(drawing)


_MAY_MOUNT = 'DCGAN_TF1_MAY_MOUNT'


def with_mounts():
    """Begins this script anew where it may mount disks that only it sees, if this system can do that."""
    enter = ['unshare', '--user', '--map-root-user', '--mount']
    if _MAY_MOUNT in os.environ:
        return
    os.environ[_MAY_MOUNT] = 'no'
    if shutil.which('unshare') and subprocess.call([*enter, 'mount', '-t', 'tmpfs', 'none', '/mnt'],
                                                   stderr=subprocess.DEVNULL) == 0:
        os.environ[_MAY_MOUNT] = 'yes'
        os.execvp(enter[0], [*enter, sys.executable, *sys.argv])
    print('No small disks can be mounted here: full and read-only disks are left out.', file=sys.stderr)


if __name__ == '__main__':
    with_mounts()
    try:
        sys.exit(exit_status(main))
    except KeyboardInterrupt:
        sys.exit(130)
