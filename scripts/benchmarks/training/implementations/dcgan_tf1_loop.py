"""Our loop: one `Session.run` a step, nothing fed."""
import tensorflow.compat.v1 as tf

from benchmarking import on_tensorflow
from benchmarking.recipe import Worker, flagfile, hyperparameters, pictures
from dcgan_tf1 import graph, loop, options
from dcgan_tf1.data import Images, image_folder


def settings_of(task, *further):
    """The settings of a task, as the command line would give them."""
    return options.parsed(
        options.declare_training, '--flagfile=' + flagfile(task['recipe']), '--schedule=' + task['schedule'],
        '--batch_size=%d' % hyperparameters(task).batch_size, *task['options'].get('flags', ()), *further)


def images_of(task):
    """In memory, or the folder of the task."""
    shape = hyperparameters(task).image_shape
    if task.get('data_dir'):
        return image_folder.load(task['data_dir'], *shape[1:])
    return Images(pictures(shape, task.get('num_images')), 'scikit-learn')


def training_graph(task, *further):
    """The graph of a task, in the current one."""
    settings, images = settings_of(task, *further), images_of(task)
    return graph.build_training(settings, images, options.batch_plan(settings, images.num_examples))


def build(task):
    tf.logging.set_verbosity(tf.logging.ERROR)
    with tf.Graph().as_default():
        training = training_graph(task)
        parameters = on_tensorflow.trainable(lambda scope: tf.trainable_variables(scope + '/'))
        session = loop.session(settings_of(task).xla)
        session.run(tf.global_variables_initializer())
        training.start(session, 0)
        tf.get_default_graph().finalize()
    fetches = (training.step.train_op, training.step.discriminator_loss, training.step.generator_loss)

    def train(steps):
        for _ in range(steps):
            fetched = session.run(fetches)
        return [float(loss) for loss in fetched[1:]]
    return Worker(train, parameters, on_tensorflow.FRAMEWORK, on_tensorflow.device(), on_tensorflow.device_peak)
