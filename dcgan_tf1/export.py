"""Writes a generator as a SavedModel, for programs that know nothing of this one.

  python -m dcgan_tf1.export --run_dir=runs/sparse_softmax-mnist-0 --output=exported
  python -m dcgan_tf1.export --run_dir=runs/sparse_softmax-mnist-0 --output=exported --bn_mode=moving --pixels=uint8

Its signature `serving_default` takes `noise`, float32 [any number, noise_dim], and gives `images`, [that number,
height, width, channels]: float32 from 0 to 1, or uint8 from 0 to 255. Weights and the statistics of batch norm are
constants in it; those are the standing ones (the default) or the moving, so an image depends on its own noise alone.
"""
import os
import shutil
import sys

import tensorflow.compat.v1 as tf
from absl import app, flags

from dcgan_tf1 import graph, loop, options, sampler
from dcgan_tf1.checkpoints import reason, restore
from dcgan_tf1.errors import UserError, exit_status


def run(settings):
    """The command, on its flags' settings; returns the exit status. Raises UserError."""
    tf.logging.set_verbosity(tf.logging.ERROR)
    bn_mode = settings.bn_mode or 'standing'
    settings = sampler.of_run(settings) if settings.run_dir else settings
    if os.path.exists(settings.output):
        raise UserError('--output=%s is there already: remove it, or name another folder' % settings.output)
    with sampler.Sampler(settings) as generator:
        statistics = generator.statistics(bn_mode, settings.bn_momentum, settings.standing_batches)
    # The other routes of convolutions would leave names in the file that only this program knows.
    frozen = _freeze(settings._replace(kernels='native'), statistics)
    partial = settings.output.rstrip(os.sep) + '.partial'
    shutil.rmtree(partial, ignore_errors=True)
    try:
        _save(frozen, settings.noise_dim, partial)
        os.replace(partial, settings.output)
    except (tf.errors.OpError, OSError) as error:  # TensorFlow writes with functions of its own
        shutil.rmtree(partial, ignore_errors=True)
        raise UserError('--output=%s cannot be written (%s): make room there, or name a folder that can be written to'
                        % (settings.output, reason(error))) from error
    print('%s with %s statistics: %s' % (settings.checkpoint, bn_mode, settings.output), file=sys.stderr)
    return 0


def _freeze(settings, statistics):
    """A GraphDef of a generator with all its variables made constants, from `noise` to `images`."""
    with tf.Graph().as_default() as built, session.create_session() as session:
        generator = graph.build_generator(settings, training=False)
        shares = (generator.images + 1) / 2
        # As in `pixels.to_uint8`.
        images = (tf.identity(shares, 'images') if settings.pixels == 'float' else
                  tf.cast(tf.clip_by_value(tf.round(shares * 255), 0, 255), tf.uint8, 'images'))
        variables = tf.global_variables()
        restore(session, tf.train.Saver(variables), settings.checkpoint, variables)
        for variable in variables:
            if variable.op.name in statistics:
                variable.load(statistics[variable.op.name], session)
        return tf.graph_util.convert_variables_to_constants(session, built.as_graph_def(), [images.op.name])


def _save(frozen, noise_dim, path):
    with tf.Graph().as_default(), session.create_session() as session:
        noise = tf.placeholder(tf.float32, [None, noise_dim], 'noise')
        images, = tf.import_graph_def(frozen, {'noise:0': noise}, ['images:0'], name='Generator')
        builder = tf.saved_model.builder.SavedModelBuilder(path)
        builder.add_meta_graph_and_variables(
            session, [tf.saved_model.tag_constants.SERVING],
            {tf.saved_model.signature_constants.DEFAULT_SERVING_SIGNATURE_DEF_KEY:
             tf.saved_model.signature_def_utils.predict_signature_def({'noise': noise}, {'images': images})})
        builder.save()


def main():
    options.declare_export()
    flags.adopt_module_key_flags(options)
    app.run(lambda argv: exit_status(lambda: run(options.settings(argv))), flags_parser=options.command_line)


if __name__ == '__main__':
    main()
