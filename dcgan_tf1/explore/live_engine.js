'use strict';
/* The generator: decodes the weights in the page, and computes images with typed arrays.

A tensor is {shape, data}: data is a Float32Array, the first number of shape that of the images. Images are [number,
height, width, channels]. A kernel is a tensor, too, which keeps its packed form for the next image.
*/

/** Decodes an array that rounding.py has stored: float32, or codes of 16 or 8 bits that are multiplied by scales. */
function decode(stored) {
  const bytes = text => Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
  const content = bytes(stored.data).buffer;
  if (stored.type === 'float32') return {shape: stored.shape, data: new Float32Array(content)};
  const scales = new Float32Array(bytes(stored.scales).buffer);
  const codes = stored.type === 'int8' ? new Int8Array(content) : new Uint16Array(content);
  const value = stored.type === 'int8' ? code => code : halfPrecision;
  return {shape: stored.shape, data: Float32Array.from(codes, (code, i) => value(code) * scales[i % scales.length])};
}

/** The number with these 16 bits: a sign, 5 bits of the exponent and 10 of the fraction. */
function halfPrecision(bits) {
  const exponent = bits >> 10 & 31, fraction = bits & 1023;
  return (bits & 0x8000 ? -1 : 1) * (exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24);
}

const size = shape => shape.reduce((product, length) => product * length, 1);
const tensor = (shape, data) => ({shape, data: data || new Float32Array(size(shape))});

/* Products of matrices. Nearly all of the time is spent here. */

/** A matrix [rows, columns] in panels of four columns, each row by row, as `multiply` reads it.
`at(row, column)` is the index of an element in `data`. */
function packed(data, rows, columns, at) {
  const panels = new Float64Array(Math.ceil(columns / 4) * 4 * rows);
  for (let column = 0; column < columns; column++) {
    const start = (column >> 2) * 4 * rows + (column & 3);
    for (let row = 0; row < rows; row++) panels[start + 4 * row] = data[at(row, column)];
  }
  return panels;
}

/** The product of a matrix [rows, depth], whose data begins at `start`, and a packed one [depth, columns], in `out`.
It computes squares of four rows and four columns, so that each number that is read is used four times. */
function multiply(a, start, rows, depth, b, columns, out) {
  const four = new Float64Array(4 * depth), sums = new Float64Array(16);
  for (let top = 0; top < rows; top += 4) {
    const height = Math.min(4, rows - top);
    for (let row = 0; row < height; row++) {
      const from = start + (top + row) * depth;
      for (let i = 0; i < depth; i++) four[4 * i + row] = a[from + i];
    }
    for (let left = 0, panel = 0; left < columns; left += 4, panel += 4 * depth) {
      let s00 = 0, s01 = 0, s02 = 0, s03 = 0, s10 = 0, s11 = 0, s12 = 0, s13 = 0;
      let s20 = 0, s21 = 0, s22 = 0, s23 = 0, s30 = 0, s31 = 0, s32 = 0, s33 = 0;
      for (let i = 0, j = panel; i < 4 * depth; i += 4, j += 4) {
        const a0 = four[i], a1 = four[i + 1], a2 = four[i + 2], a3 = four[i + 3];
        const b0 = b[j], b1 = b[j + 1], b2 = b[j + 2], b3 = b[j + 3];
        s00 += a0 * b0; s01 += a0 * b1; s02 += a0 * b2; s03 += a0 * b3;
        s10 += a1 * b0; s11 += a1 * b1; s12 += a1 * b2; s13 += a1 * b3;
        s20 += a2 * b0; s21 += a2 * b1; s22 += a2 * b2; s23 += a2 * b3;
        s30 += a3 * b0; s31 += a3 * b1; s32 += a3 * b2; s33 += a3 * b3;
      }
      sums[0] = s00; sums[1] = s01; sums[2] = s02; sums[3] = s03;
      sums[4] = s10; sums[5] = s11; sums[6] = s12; sums[7] = s13;
      sums[8] = s20; sums[9] = s21; sums[10] = s22; sums[11] = s23;
      sums[12] = s30; sums[13] = s31; sums[14] = s32; sums[15] = s33;
      const width = Math.min(4, columns - left);
      for (let row = 0; row < height; row++) {
        const to = (top + row) * columns + left;
        for (let column = 0; column < width; column++) out[to + column] = sums[4 * row + column];
      }
    }
  }
}

/* The operations of TensorFlow, by their names. Each takes its inputs and its node, which has its attributes. */

function matMul(x, kernel, node) {
  const [images, depth] = x.shape, columns = kernel.shape[node.transpose ? 0 : 1];
  kernel.packed = kernel.packed || packed(kernel.data, depth, columns, node.transpose ?
    (row, column) => column * depth + row : (row, column) => row * columns + column);
  const y = tensor([images, columns]);
  multiply(x.data, 0, images, depth, kernel.packed, columns, y.data);
  return y;
}

/** How many pixels a convolution reads above its image, and to the left of it. */
function margin(large, small, kernelSize, {strides, padding}) {
  return padding === 'SAME' ? Math.max((small - 1) * strides + kernelSize - large, 0) >> 1 : 0;
}

/** Calls visit(row, start, length, column) for the parts of images that lie below a kernel's rows at its positions.
`start` is the index of the first pixel within an image, `length` the number of pixels, `column` that of the first below
the kernel. */
function forEachPatch(large, small, kernelShape, node, visit) {
  const [height, width] = large, [rows, columns] = kernelShape;
  const top = margin(height, small[0], rows, node), left = margin(width, small[1], columns, node);
  for (let y = 0, position = 0; y < small[0]; y++) {
    for (let x = 0; x < small[1]; x++, position++) {
      const first = x * node.strides - left, from = Math.max(0, -first), to = Math.min(columns, width - first);
      for (let row = 0; row < rows; row++) {
        const line = y * node.strides - top + row;
        if (line >= 0 && line < height && to > from) {
          visit(position, line * width + first + from, to - from, row * columns + from);
        }
      }
    }
  }
}

/** The images whose pixels each add a kernel's multiple to the output: the transposed convolution. */
function conv2DBackpropInput(x, kernel, node) {
  const [images, height, width, channels] = x.shape, [rows, columns, filters] = kernel.shape;
  const taps = rows * columns * filters, positions = height * width;
  kernel.packed = kernel.packed || packed(kernel.data, channels, taps, (row, column) => column * channels + row);
  const y = tensor([images, ...node.size, filters]), products = new Float32Array(positions * taps);
  for (let image = 0; image < images; image++) {
    multiply(x.data, image * positions * channels, positions, channels, kernel.packed, taps, products);
    const start = image * size(node.size) * filters;
    forEachPatch(node.size, [height, width], kernel.shape, node, (position, pixel, length, column) => {
      let from = position * taps + column * filters;
      const first = start + pixel * filters;
      for (let to = first; to < first + length * filters; to++) y.data[to] += products[from++];
    });
  }
  return y;
}

function conv2D(x, kernel, node) {
  const [images, height, width, channels] = x.shape, [rows, columns, , filters] = kernel.shape;
  const taps = rows * columns * channels, positions = size(node.size);
  kernel.packed = kernel.packed || packed(kernel.data, taps, filters, (row, column) => row * filters + column);
  const y = tensor([images, ...node.size, filters]), patches = new Float32Array(positions * taps);
  for (let image = 0; image < images; image++) {
    const start = image * height * width * channels;
    forEachPatch([height, width], node.size, kernel.shape, node, (position, pixel, length, column) => {
      const from = start + pixel * channels;
      patches.set(x.data.subarray(from, from + length * channels), position * taps + column * channels);
    });
    multiply(patches, 0, positions, taps, kernel.packed, filters,
             y.data.subarray(image * positions * filters, (image + 1) * positions * filters));
  }
  return y;
}

/** Mean and variance of each channel, the last axis. */
function moments({shape, data}) {
  const channels = shape[shape.length - 1], count = data.length / channels;
  const mean = new Float64Array(channels), variance = new Float64Array(channels);
  for (let i = 0; i < data.length; i += channels) for (let c = 0; c < channels; c++) mean[c] += data[i + c] / count;
  for (let i = 0; i < data.length; i += channels) {
    for (let c = 0; c < channels; c++) variance[c] += (data[i + c] - mean[c]) ** 2 / count;
  }
  return {mean: Float32Array.from(mean), variance: Float32Array.from(variance)};
}

/** Batch norm with given statistics. */
function normalize(x, gamma, beta, epsilon, {mean, variance}) {
  const channels = mean.length, y = tensor(x.shape), shift = new Float64Array(channels);
  const factor = Float64Array.from(variance, (value, c) => gamma.data[c] / Math.sqrt(value + epsilon));
  for (let c = 0; c < channels; c++) shift[c] = beta.data[c] - mean[c] * factor[c];
  for (let i = 0; i < x.data.length; i += channels) {
    for (let c = 0; c < channels; c++) y.data[i + c] = x.data[i + c] * factor[c] + shift[c];
  }
  return y;
}

/** The numbers by which an index of a tensor grows along the axes of a larger shape, which it is repeated to. */
function steps(shape, larger) {
  const found = new Array(larger.length).fill(0);
  for (let axis = shape.length - 1, step = 1; axis >= 0; step *= shape[axis--]) {
    if (shape[axis] > 1) found[axis + larger.length - shape.length] = step;
  }
  return found;
}

/** Calls visit(index, other) for each element of a shape: its index, and the sum of its positions times `strides`. */
function forEachElement(shape, strides, visit) {
  const position = new Array(shape.length).fill(0), count = size(shape);
  for (let index = 0, other = 0; index < count; index++) {
    visit(index, other);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      other += strides[axis];
      if (++position[axis] < shape[axis]) break;
      other -= strides[axis] * shape[axis];
      position[axis] = 0;
    }
  }
}

function binary(compute) {
  return (a, b) => {
    const rank = Math.max(a.shape.length, b.shape.length);
    const length = ({shape}, axis) => shape[axis - rank + shape.length] ?? 1;
    const shape = Array.from({length: rank}, (_, axis) => length(a, axis) === 1 ? length(b, axis) : length(a, axis));
    const y = tensor(shape), indices = new Int32Array(y.data.length);
    forEachElement(shape, steps(b.shape, shape), (index, other) => { indices[index] = other; });
    forEachElement(shape, steps(a.shape, shape), (index, other) => {
      y.data[index] = compute(a.data[other], b.data[indices[index]]);
    });
    return y;
  };
}

const unary = compute => (x, node) => tensor(x.shape, x.data.map(value => compute(value, node)));

function sum(x, {axes, keep}) {
  const kept = x.shape.map((length, axis) => axes.includes(axis) ? 1 : length), strides = steps(kept, x.shape);
  const sums = new Float64Array(size(kept));
  forEachElement(x.shape, strides, (index, other) => { sums[other] += x.data[index]; });
  return tensor(keep ? kept : kept.filter((_, axis) => !axes.includes(axis)), Float32Array.from(sums));
}

function mean(x, node) {
  const y = sum(x, node), count = x.data.length / y.data.length;
  return tensor(y.shape, y.data.map(value => value / count));
}

/** Enlarges or shrinks images: each new pixel is the mean of the two by two old ones that `weights` names. */
function resize(x, node, weights) {
  const [images, height, width, channels] = x.shape, [newHeight, newWidth] = node.size;
  const y = tensor([images, newHeight, newWidth, channels]);
  const place = (position, from, to) => node.centers ? (position + 0.5) * from / to - 0.5 : position * from / to;
  const all = (from, to) => Array.from({length: to}, (_, position) => weights(place(position, from, to), from, node));
  const rows = all(height, newHeight), columns = all(width, newWidth);
  for (let image = 0, to = 0; image < images; image++) {
    for (const row of rows) for (const column of columns) {
      for (let c = 0; c < channels; c++, to++) {
        for (const [line, share] of row) for (const [pixel, part] of column) {
          y.data[to] += share * part * x.data[((image * height + line) * width + pixel) * channels + c];
        }
      }
    }
  }
  return y;
}

const within = (place, length) => Math.min(Math.max(place, 0), length - 1);
const nearest = (place, length, node) => [[within(Math.floor(node.centers ? place + 0.5 : place), length), 1]];
const linear = (place, length) => {
  const low = Math.floor(place), share = place - low;
  return [[within(low, length), 1 - share], [within(low + 1, length), share]];
};

const SELU = [1.0507009873554805, 1.6732632423543772];
const OPERATIONS = {
  MatMul: matMul, Conv2D: conv2D, Conv2DBackpropInput: conv2DBackpropInput, Sum: sum, Mean: mean,
  Reshape: (x, {shape}) => tensor([x.data.length / size(shape.slice(1)), ...shape.slice(1)], x.data),
  ResizeNearestNeighbor: (x, node) => resize(x, node, nearest), ResizeBilinear: (x, node) => resize(x, node, linear),
  Add: binary((a, b) => a + b), AddV2: binary((a, b) => a + b), Sub: binary((a, b) => a - b),
  Mul: binary((a, b) => a * b), Div: binary((a, b) => a / b), RealDiv: binary((a, b) => a / b),
  Maximum: binary(Math.max), Minimum: binary(Math.min), SquaredDifference: binary((a, b) => (a - b) ** 2),
  Abs: unary(Math.abs), Exp: unary(Math.exp), Neg: unary(x => -x), Sqrt: unary(Math.sqrt), Square: unary(x => x * x),
  Rsqrt: unary(x => 1 / Math.sqrt(x)), Tanh: unary(Math.tanh), Sigmoid: unary(x => 1 / (1 + Math.exp(-x))),
  Softplus: unary(x => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))),
  Relu: unary(x => x > 0 ? x : 0), Relu6: unary(x => Math.min(Math.max(x, 0), 6)),
  LeakyRelu: unary((x, {alpha}) => x > 0 ? x : alpha * x), Elu: unary(x => x > 0 ? x : Math.expm1(x)),
  Selu: unary(x => SELU[0] * (x > 0 ? x : SELU[1] * Math.expm1(x))),
};

/** A function of (latent vectors, given) that computes images together.

`given` has one element per batch norm layer: the {mean, variance} to normalize with, or null for those of these images.
The function returns {images, statistics}: Float32Arrays with values from -1 to 1, and for each layer the {mean, variance}
of what reached it. */
function createGenerator({nodes, constants, layers}) {
  const decoded = constants.map(decode);

  return (vectors, given) => {
    const statistics = layers.map(() => ({}));
    const values = [];
    for (const node of nodes) {
      const inputs = node.inputs.map(number => values[number]);
      values.push(value(node, inputs));
    }
    const {data} = values[values.length - 1], length = data.length / vectors.length;
    return {images: vectors.map((_, image) => data.subarray(image * length, (image + 1) * length)), statistics};

    function value(node, inputs) {
      if (node.op === 'Placeholder') {
        return tensor([vectors.length, vectors[0].length], Float32Array.from(vectors.flatMap(vector => [...vector])));
      }
      if (node.op === 'Const') return decoded[node.constant];
      if (node.op === 'FusedBatchNorm') {
        const measured = moments(inputs[0]);
        if (node.layer !== undefined) statistics[node.layer] = measured;
        return normalize(...inputs, node.epsilon, given[node.layer] || measured);
      }
      const result = OPERATIONS[node.op](...inputs, node);
      if (!node.statistic) return result;
      // Layers of vectors consist of single operations. What follows uses the given statistic instead of this one.
      const [layer, index] = node.statistic, name = ['mean', 'variance'][index];
      statistics[layer][name] = result.data;
      return given[layer] ? tensor(result.shape, given[layer][name]) : result;
    }
  };
}
