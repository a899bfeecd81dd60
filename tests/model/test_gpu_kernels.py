"""Whether a GPU can compute whole training steps. TensorFlow for Linux lists its GPU kernels on any machine."""
import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from dcgan_tf1.data import Images
from dcgan_tf1.model import graph as graphs
from dcgan_tf1.model.inputs import batch_plan

pytestmark = pytest.mark.skipif(not tf.test.is_built_with_cuda(), reason='this TensorFlow has no GPU kernels')


def has_gpu_kernel(node):
    """Whether a GPU kernel, or one for any device, is registered for the op of a NodeDef with its data types."""
    from tensorflow.python.framework import kernels

    def fits(constraint):
        value = node.attr[constraint.name]
        types = value.list.type if value.WhichOneof('value') == 'list' else [value.type]
        return set(types) <= set(constraint.allowed_values.list.type)
    return any(kernel.device_type in ('GPU', 'DEFAULT') and all(map(fits, kernel.constraint))
               for kernel in kernels.get_registered_kernels_for_op(node.op).kernel)


def with_functions(nodes, graph):
    """These NodeDefs, and those in the functions that they call, such as the branches of a condition."""
    functions = {function.signature.name: function for function in graph.as_graph_def().library.function}
    called, remaining, result = set(), list(nodes), []
    while remaining:
        node = remaining.pop()
        result.append(node)
        for name in {value.func.name for value in node.attr.values() if value.WhichOneof('value') == 'func'} - called:
            called.add(name)
            remaining += functions[name].node_def
    return result


def ops_needed(fetches):
    """All ops that run when these are fetched."""
    needed, remaining = set(), [fetch.op if isinstance(fetch, tf.Tensor) else fetch for fetch in fetches]
    while remaining:
        op = remaining.pop()
        if op not in needed:
            needed.add(op)
            remaining += [tensor.op for tensor in op.inputs] + list(op.control_inputs)
    return needed


# Together, these have every loss, schedule and kind of layer of the recipes.
@pytest.mark.slow
@pytest.mark.parametrize('recipe,precision', [
    ('graph_mode', 'float32'), ('learnopencv_tf', 'float32'), ('learnopencv_torch', 'float32'),
    ('machinecurve', 'bfloat16'), ('machinecurve', 'float32'), ('sparse_softmax', 'bfloat16')])
def test_a_gpu_has_a_kernel_for_every_op_of_a_step(recipe, precision, training_settings, graph):
    """The input pipeline before the iterator, and summaries, are not part of a step. They need no GPU kernel."""
    settings = training_settings('--recipe=' + recipe, '--precision=' + precision,
                                 '--batch_size=4', '--extra_bn_momentums=0.9')
    images = Images(np.zeros([8, settings.image_size, settings.image_size, settings.channels], np.uint8), 'a test')
    training = graphs.build_training(settings, images, batch_plan(settings, images.num_examples))
    step = training.step
    needed = ops_needed([step.train_op, step.discriminator_loss, step.generator_loss, step.real_logits,
                         step.fake_logits, *training.gradient_norms.values()])
    nodes = with_functions([op.node_def for op in needed], graph)
    assert len(nodes) > 300 and {'ResourceApplyAdam', 'IteratorGetNext'} <= {node.op for node in nodes}
    assert not [node for node in nodes if not has_gpu_kernel(node)]


def test_ops_without_gpu_kernels_are_found(graph):
    """Otherwise the test above could not fail: one op is for the CPU alone, another with these data types."""
    assert not has_gpu_kernel(tf.strings.join(['a', 'b']).op.node_def)
    x = tf.placeholder(tf.float32, [1, 4])
    assert has_gpu_kernel(tf.nn.relu(x).op.node_def)
    assert not has_gpu_kernel(tf.nn.relu(tf.cast(x, tf.int32)).op.node_def)
