"""Trains a DCGAN in TensorFlow 1 graph mode.

  python -m dcgan_tf1.train --dataset=mnist --steps=10000
  python -m dcgan_tf1.train --flagfile=flags/demo.flags        (needs neither data files nor network)
  python -m dcgan_tf1.train --flagfile=flags/sparse_softmax.flags --seed=1

Everything goes to the run folder: losses (metrics.jsonl, losses.png, TensorBoard events), grids of generated
images (samples/), checkpoints, and the settings (config.json, train.flags). The same command again goes on
where the last checkpoint stands; a larger --steps makes a finished run longer.
"""
import platform
import sys

import numpy
import tensorflow.compat.v1 as tf
from absl import app, flags

import dcgan_tf1
from dcgan_tf1 import data, graph, loop, options, reporter as reporting, session as sessions
from dcgan_tf1.best import Best
from dcgan_tf1.checkpoints import Checkpoints, WarmStart
from dcgan_tf1.errors import UserError, exit_status
from dcgan_tf1.run_folder import RunFolder


def run(settings):
    """The command, on its flags' settings; returns the exit status. Raises UserError."""
    tf.logging.set_verbosity(tf.logging.ERROR)
    folder = RunFolder(options.run_dir(settings))
    earlier = folder.read_config()
    if earlier:
        _check_flags(folder, settings, earlier)
    everything, images = data.load(**settings._asdict())
    settings = options.resolve(settings, images.num_examples)
    if settings.batch_size > images.num_examples:
        raise UserError('--batch_size=%d is more than the %d images to train on: choose a smaller one'
                        % (settings.batch_size, images.num_examples))
    wanted = (settings.image_size, settings.image_size, settings.channels)
    if images.image_shape != wanted:
        raise UserError('the images of --dataset=%s are %d×%d with %d channel(s), not --image_size=%d with '
                        '--channels=%d; give those, or a recipe for such images'
                        % (settings.dataset, *images.image_shape, settings.image_size, settings.channels))
    config = {'flags': settings._asdict(), 'versions': _versions(),
              'data': {'checksum': everything.checksum(), 'images': everything.num_examples,
                       'trained_on': images.num_examples}}
    if earlier and earlier.get('data') != config['data']:
        raise UserError('the images of --dataset=%s are not those that the run in %s began with: %s, then %s; '
                        'bring those back, or name a fresh --run_dir'
                        % (settings.dataset, folder.path, config['data'], earlier.get('data')))
    with tf.Graph().as_default():
        return _train(folder, settings, images, config, earlier)


def _check_flags(folder, settings, earlier):
    changed = options.changed(settings, earlier['flags'])
    if changed:
        raise UserError('%s holds a run with other flags: %s. To go on with that run give --flagfile=%s, for a new '
                        'one a fresh --run_dir' % (folder.path, '; '.join(changed), folder.flags))


def _versions():
    return {'dcgan_tf1': dcgan_tf1.__version__, 'tensorflow': tf.__version__, 'numpy': numpy.__version__,
            'python': platform.python_version()}


def _train(folder, settings, images, config, earlier):
    plan = options.batch_plan(settings, images.num_examples)
    training = graph.build_training(settings, images, plan)
    folder.create()
    with folder.locked():
        if folder.read_config() != earlier:
            raise UserError('%s was changed by another process just now: give the same command again' % folder.path)
        return _run_steps(folder, settings, images, config, earlier, plan, training)


def _run_steps(folder, settings, images, config, earlier, plan, training):
    checkpoints = Checkpoints(folder, settings.keep_checkpoints)
    if checkpoints.last and not earlier:
        raise UserError('%s has checkpoints but no %s: restore it, or name another --run_dir'
                        % (folder.path, folder.config))
    warm_start = WarmStart(settings.init_checkpoint) if settings.init_checkpoint and not checkpoints.last else None
    initialize = tf.global_variables_initializer()
    tf.get_default_graph().finalize()
    notes = []  # there is no log yet
    with session.create_session(settings.xla) as session:
        if checkpoints.last:
            checkpoints.restore(session, notes.append)
        else:
            session.run(initialize)
            if warm_start:
                warm_start.restore(session)
                notes.append('weights of %s, %s' % (settings.init_checkpoint, 'with the state of Adam'
                                                    if warm_start.with_adam else 'Adam begins anew'))
        start_step = int(session.run(training.global_step))
        if start_step > settings.steps or (start_step == settings.steps and folder.animation_is_current()):
            print('%s is finished: %d steps are done; a larger --steps makes it longer'
                  % (folder.path, start_step), file=sys.stderr)
            return 0
        # The versions that the run began with stay: numbers are exact for those.
        folder.write_config({**config, 'versions': earlier.get('versions')} if earlier else config)
        folder.write_flags(options.flagfile(settings))
        reporter = reporter.Reporter(folder, settings, start_step)
        best = None
        try:
            if earlier and earlier.get('versions') != config['versions']:
                reporter.say('this run began with %s and goes on with %s: results may differ in the last digits'
                             % (earlier.get('versions'), config['versions']))
            reporter.say('%s: %s at step %d of %d, %d images from %s' % (
                folder.path, 'goes on' if start_step else 'begins', start_step, settings.steps,
                images.num_examples, images.source))
            for note in notes:
                reporter.say(note)
            best = Best(folder, settings, reporter.say) if settings.evaluate_every else None
            try:
                interrupted = loop.train(session, training, settings, plan, checkpoints, reporter, folder, images,
                                         start_step, best)
            except tf.errors.OpError:
                if images.fault:  # TensorFlow buries it in the report of a failed op
                    raise images.fault from None
                raise
            if images.unreadable:
                reporter.say('%d of the files could not be read and were passed over, the first: %s'
                             % (len(images.unreadable), min(images.unreadable)))
            done = int(session.run(training.global_step))
            if interrupted:
                reporter.say('stopped and saved at step %d; the same command goes on from there' % done)
                return 128 + interrupted  # as a shell reports a process that a signal ended
            reporter.say('finished at step %d; the last images: %s' % (done, folder.grid(done)))
            return 0
        finally:
            if best:
                best.close()
            reporter.close()


def main():
    options.declare_training()
    flags.adopt_module_key_flags(options)
    app.run(lambda argv: exit_status(lambda: run(options.settings(argv))), flags_parser=options.command_line)


if __name__ == '__main__':
    main()
