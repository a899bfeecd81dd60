"""A generator as a file for other programs: TensorFlow Lite and ONNX."""
import warnings
from typing import Callable, Dict, NamedTuple

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1.util.device import create_session
from dcgan_tf1.util.errors import UserError, short_reason

NUM_CHECKED = 16  # images that are compared
# Sums in another order differ by about 1e-6. A byte may be rounded to its neighbor then.
MAX_DIFFERENCE = {np.dtype('float32'): 1e-4, np.dtype('uint8'): 1.}


class _Format(NamedTuple):
    convert: Callable[[tf.GraphDef], bytes]
    run: Callable[[bytes, np.ndarray], np.ndarray]  # (file, latent vectors) → images


def convert(name: str, frozen_graph: tf.GraphDef, noise: np.ndarray) -> bytes:
    """Converts a generator, and compares images of the result with TensorFlow's.

    Args:
      name: of the format, one of `FORMATS`.
      frozen_graph: as `saved_model.freeze` returns it.
      noise: float32 [n, noise_dim], latent vectors of the images that are compared.

    Returns:
      The content of a file with the input `noise`, float32 [n, noise_dim], and the output `images`.

    Raises:
      UserError: if a library is missing, the generator cannot be converted, or its images differ.
    """
    with tf.Graph().as_default(), create_session() as session:
        tf.import_graph_def(frozen_graph, name='')
        expected = session.run('images:0', {'noise:0': noise})
    try:
        content = FORMATS[name].convert(frozen_graph)
        images = FORMATS[name].run(content, noise)
    except ModuleNotFoundError as error:
        raise UserError("--format=%s needs %s: pip install '%s'" % (name, error.name, error.name)) from error
    except UserError:
        raise
    except Exception as error:  # of many types, for example for an op that the format does not have
        raise UserError('--format=%s: this generator cannot be converted (%s): use --format=saved_model'
                        % (name, short_reason(error))) from error
    difference = np.abs(images.astype(float) - expected).max()
    if not difference <= MAX_DIFFERENCE[expected.dtype]:
        raise UserError("--format=%s: images differ by up to %.2g from TensorFlow's: use --format=saved_model"
                        % (name, difference))
    return content


def _to_tflite(frozen_graph: tf.GraphDef) -> bytes:
    if tf.__version__.startswith('1.'):
        raise UserError('--format=tflite needs TensorFlow 2: use --format=saved_model, and convert that')
    with tf.Graph().as_default(), create_session() as session:
        tf.import_graph_def(frozen_graph, name='')
        return tf.lite.TFLiteConverter.from_session(
            session, *([session.graph.get_tensor_by_name(name)] for name in ('noise:0', 'images:0'))).convert()


def _run_tflite(content: bytes, noise: np.ndarray) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # the package that replaces this class some day has the same methods
        interpreter = tf.lite.Interpreter(model_content=content)
    index = interpreter.get_input_details()[0]['index']
    interpreter.resize_tensor_input(index, noise.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(index, noise)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]['index'])


def _to_onnx(frozen_graph: tf.GraphDef) -> bytes:
    import onnxruntime  # noqa: F401  # before the work, if it is not installed
    import tf2onnx.convert
    model, _ = tf2onnx.convert.from_graph_def(
        frozen_graph, input_names=['noise:0'], output_names=['images:0'],
        tensors_to_rename={'noise:0': 'noise', 'images:0': 'images'})
    return model.SerializeToString()


def _run_onnx(content: bytes, noise: np.ndarray) -> np.ndarray:
    import onnxruntime
    session = onnxruntime.InferenceSession(content, providers=['CPUExecutionProvider'])
    return session.run(['images'], {'noise': noise})[0]


FORMATS: Dict[str, _Format] = {'tflite': _Format(_to_tflite, _run_tflite), 'onnx': _Format(_to_onnx, _run_onnx)}
