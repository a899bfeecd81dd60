'use strict';
/* The controls of the page. Whatever changes, `update` computes the images again. */

const data = JSON.parse(document.getElementById('data').textContent);
const generate = createGenerator(data);
const element = id => document.getElementById(id);
const decodeLayers = layers => layers.map(({mean, variance}) =>
  ({mean: decode(mean).data, variance: decode(variance).data}));
const percent = share => (100 * share).toPrecision(2) + '%';
const rows = stored => { // the rows of a matrix
  const matrix = decode(stored).data, columns = stored.shape[1];
  return Array.from({length: stored.shape[0]}, (_, row) => matrix.slice(row * columns, (row + 1) * columns));
};

const KINDS = [['training', 'Training mode'], ['moving', 'Moving averages'], ['initial', 'Never updated'],
               ['standing', 'Standing']];
const MOMENTUMS = [0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9999];
const UPDATES = [0, 1, 2, 5, 10, 20, 50, 100, 200, 300, 500, 700, 1000, 2000, 3000, 5000, 10000, 20000, 50000, 100000];
const first = rows(data.latents), directions = rows(data.directions);
const kept = decodeLayers(data.moving);
const standing = data.standing.map(({batches, layers}) => ({batches, layers: decodeLayers(layers)}));
const initial = kept.map(({mean}) => ({mean: mean.map(() => 0), variance: mean.map(() => 1)}));

const state = {vectors: first.map(vector => vector.slice()), selected: 0, kind: 'standing', repaired: new Set()};
let computed; // {images, statistics, used} of the batch: `used` has the statistics that each layer normalized with
let times = {};

/* Random numbers: the same in each visit, so that a lesson can be repeated. */
let seed = 1;
function uniform() { // from 0 to 1 (mulberry32)
  seed = seed + 0x6D2B79F5 | 0;
  let bits = Math.imul(seed ^ seed >>> 15, 1 | seed);
  bits = bits + Math.imul(bits ^ bits >>> 7, 61 | bits) ^ bits;
  return ((bits ^ bits >>> 14) >>> 0) / 2 ** 32;
}
function randomVector() {
  const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  return Float32Array.from({length: data.noise_dim}, data.distribution === 'normal' ? normal : () => 2 * uniform() - 1);
}

/** The statistics that a kind normalizes with, for each layer; null for those of the batch. */
function statisticsOf(kind) {
  if (kind === 'training') return data.layers.map(() => null);
  if (kind === 'initial') return initial;
  if (kind === 'standing') return standing.length ? standing[element('batches').value].layers : [];
  if (element('kept').checked) return kept;
  const share = initialWeight(), limit = standing[standing.length - 1].layers;
  const mix = (start, end) => end.map(value => share * start + (1 - share) * value);
  return limit.map(({mean, variance}) => ({mean: mix(0, mean), variance: mix(1, variance)}));
}
const initialWeight = () => MOMENTUMS[element('momentum').value] ** UPDATES[element('updates').value];

/** The statistics in use, without those of repaired layers. */
const inUse = () => statisticsOf(state.kind).map((layer, number) => state.repaired.has(number) ? null : layer);

function timed(vectors, given) {
  const start = performance.now(), result = generate(vectors, given);
  times[vectors.length] = performance.now() - start;
  return result;
}

/** An image alone, normalized as the batch was. */
const generateOne = vector => timed([vector], computed.used).images[0];

/* Drawing */

function draw(canvas, image) {
  const [height, width, channels] = data.image, pixels = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) pixels.data[4 * i + c] = (image[i * channels + Math.min(c, channels - 1)] + 1) * 127.5;
    pixels.data[4 * i + 3] = 255;
  }
  [canvas.width, canvas.height] = [width, height];
  canvas.getContext('2d').putImageData(pixels, 0, 0);
}

function make(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/** A canvas that a screen reader leaves out, because the element around it has a name. */
function smallCanvas() {
  const canvas = make('canvas');
  canvas.setAttribute('aria-hidden', 'true');
  return canvas;
}

/** Draws a channel's statistics as points: across those in use, up those of the images. */
function plot(canvas, used, measured, logarithmic, title) {
  const side = 2 * (canvas.clientWidth || 130), context = canvas.getContext('2d'), edge = side * 0.11;
  [canvas.width, canvas.height] = [side, side];
  const style = getComputedStyle(document.documentElement), color = name => style.getPropertyValue(name);
  const scaled = values => logarithmic ? values.map(value => Math.log10(Math.max(value, 1e-8))) : values;
  const [xs, ys] = [scaled(used), scaled(measured)];
  let low = Infinity, high = -Infinity;
  for (const values of [xs, ys]) {
    for (const value of values) [low, high] = [Math.min(low, value), Math.max(high, value)];
  }
  const gap = Math.max((high - low) * 0.08, logarithmic ? 0.3 : 0.05);
  const place = value => edge + (value - low + gap) / (high - low + 2 * gap) * (side - edge);
  context.strokeStyle = color('--line');
  context.lineWidth = 2;
  context.strokeRect(edge, 1, side - edge - 1, side - edge - 1);
  context.strokeStyle = color('--soft');
  context.beginPath();
  context.moveTo(edge, side - edge);
  context.lineTo(side, 0);
  context.stroke();
  context.fillStyle = color('--accent');
  context.globalAlpha = 0.55;
  const step = Math.ceil(xs.length / 1500);
  for (let i = 0; i < xs.length; i += step) {
    context.beginPath();
    context.arc(place(xs[i]), side - place(ys[i]), side / 75, 0, 7);
    context.fill();
  }
  context.globalAlpha = 1;
  context.fillStyle = color('--text');
  context.font = `${side * 0.075}px system-ui, sans-serif`;
  context.fillText(title, edge + side * 0.03, side * 0.1);
  context.fillStyle = color('--soft');
  context.textAlign = 'center';
  context.fillText('in use', side / 2 + edge / 2, side - edge * 0.25);
  const number = value => Number((logarithmic ? 10 ** value : value).toPrecision(1)).toString();
  context.textAlign = 'left';
  context.fillText(number(low - gap), edge, side - edge * 0.25);
  context.textAlign = 'right';
  context.fillText(number(high + gap), side, side - edge * 0.25);
  context.textAlign = 'center';
  context.rotate(-Math.PI / 2);
  context.fillText('of these images', -(side - edge) / 2, edge * 0.7);
}

/* Layers */

const FAINT = 2 / 3, STRONG = 3 / 2; // contrast of a layer's output that is said to be too weak or too strong

const layers = data.layers.map(({name}, number) => {
  const plots = [0, 1].map(() => make('canvas', {role: 'img'}));
  const verdict = make('p', {className: 'verdict'}), means = make('p');
  const box = make('input', {type: 'checkbox'});
  box.addEventListener('change', () => {
    state.repaired[box.checked ? 'add' : 'delete'](number);
    update();
  });
  const card = make('div', {className: 'layer'},
    make('h3', {textContent: `Layer ${number + 1} of ${data.layers.length}`}),
    make('p', {className: 'name', textContent: name}),
    make('div', {className: 'plots'}, ...plots), verdict, means,
    make('label', {className: 'check'}, box, `Use the statistics of these images in layer ${number + 1}`));
  element('layers').append(card);
  return {card, plots, verdict, means, box};
});

/** Shows what each layer received and normalized with, and the first whose output has too little contrast. */
function showLayers() {
  const factors = layers.map(({plots, verdict, means}, number) => {
    const used = computed.used[number], measured = computed.statistics[number], {epsilon} = data.layers[number];
    let contrast = 0, shift = 0;
    used.variance.forEach((variance, c) => {
      contrast += Math.log((measured.variance[c] + epsilon) / (variance + epsilon)) / 2 / used.variance.length;
      shift += Math.abs(measured.mean[c] - used.mean[c]) / Math.sqrt(variance + epsilon) / used.variance.length;
    });
    const factor = Math.exp(contrast);
    plot(plots[0], used.mean, measured.mean, false, 'Mean');
    plot(plots[1], used.variance, measured.variance, true, 'Variance (logarithmic)');
    verdict.textContent = 'Output: ' + describe(factor);
    means.textContent = `Means are off by ${shift.toFixed(2)} of the standard deviations in use.`;
    plots[0].setAttribute('aria-label', `Means of layer ${number + 1}. ${means.textContent}`);
    plots[1].setAttribute('aria-label', `Variances of layer ${number + 1}. ${verdict.textContent}`);
    return factor;
  });
  const culprit = factors.findIndex(factor => factor < FAINT);
  layers.forEach(({card}, number) => card.classList.toggle('gray', number === culprit));
  element('summary').textContent =
    culprit >= 0 ? `It begins in layer ${culprit + 1}, whose output is ${describe(factors[culprit])}.` :
    factors.some(factor => factor > STRONG) ? 'None: a layer makes the contrast too strong.' :
    'None: all layers divide by about the right standard deviation.';
}

function describe(factor) {
  const times = value => value.toPrecision(2) + ' times';
  return factor < FAINT ? times(1 / factor) + ' too faint' : factor > STRONG ? times(factor) + ' too strong' :
    'about the right contrast';
}

/* The batch */

const tiles = state.vectors.map((_, number) => {
  const canvas = smallCanvas(), radio = make('input', {type: 'radio', name: 'image'});
  radio.setAttribute('aria-label', `Image ${number + 1} of 16`);
  radio.addEventListener('change', () => { state.selected = number; showSelected(); showLater(); });
  const label = make('label', {className: 'tile'}, canvas, radio);
  movable(label, () => state.vectors[number]);
  label.receive = vector => { state.vectors[number] = vector.slice(); update(); };
  element('tiles').append(label);
  return {label, canvas, radio};
});

/** Computes what has changed: everything, or the selected image first and the others when nothing more changes. */
let waiting;
function update(onlySelected = false) {
  clearTimeout(waiting);
  if (onlySelected && inUse().every(Boolean)) {
    computed.images[state.selected] = generateOne(state.vectors[state.selected]);
    showSelected();
    waiting = setTimeout(update, 250);
    return;
  }
  const given = inUse(), result = timed(state.vectors, given);
  computed = {...result, used: given.map((layer, number) => layer || result.statistics[number])};
  tiles.forEach(({canvas}, number) => draw(canvas, computed.images[number]));
  showSelected();
  showLayers();
  showPanels();
  showLater();
}

function showSelected() {
  const image = computed.images[state.selected], vector = state.vectors[state.selected];
  draw(element('picture'), image);
  draw(tiles[state.selected].canvas, image);
  cards.filter(({kind}) => isShown(kind)).forEach(({canvas}) => draw(canvas, image));
  tiles.forEach(({label, radio}, number) => {
    radio.checked = number === state.selected;
    label.classList.toggle('selected', number === state.selected);
  });
  const kind = data.layers.length ? ', ' + KINDS.find(([name]) => name === state.kind)[1].toLowerCase() : '';
  element('caption').textContent = `Image ${state.selected + 1}${kind}`;
  element('picture').setAttribute('aria-label', element('caption').textContent);
  sliders.forEach(({input, output}, number) => {
    input.value = along(vector, directions[number]);
    output.textContent = (Math.round(input.value * 10) / 10 + 0).toFixed(1); // + 0: no -0.0
  });
  showTimes();
}

function showTimes() {
  const parts = [[1, 'one image'], [16, '16 images']].filter(([count]) => times[count]);
  const text = parts.map(([count, name]) => `${name} in ${times[count].toFixed(0)} ms`).join(', ');
  element('time').textContent = 'Computed here: ' + text;
  element('times').textContent = text + ' (the last time)';
}

/* The latent vector */

const along = (vector, direction) => vector.reduce((total, value, i) => total + value * direction[i], 0);
const reach = data.distribution === 'normal' ? 3 : 1.7; // about three standard deviations
const sliders = directions.map((direction, number) => {
  const input = make('input', {type: 'range', id: 'direction-' + number, min: -reach, max: reach, step: 0.01});
  const output = make('span');
  input.addEventListener('input', () => {
    const vector = state.vectors[state.selected], change = input.value - along(vector, direction);
    state.vectors[state.selected] = vector.map((value, i) => value + change * direction[i]);
    update(true);
  });
  const label = make('label', {htmlFor: input.id}, `Direction ${number + 1}`);
  element('directions').append(make('div', {}, make('div', {className: 'named'}, label, output), input));
  return {input, output};
});

element('random').addEventListener('click', () => {
  state.vectors[state.selected] = randomVector();
  update();
});
element('random-batch').addEventListener('click', () => {
  state.vectors = state.vectors.map(randomVector);
  update();
});
element('reset').addEventListener('click', () => {
  state.vectors = first.map(vector => vector.slice());
  update();
});

/* Kinds of statistics */

const cards = KINDS.map(([kind, name]) => {
  const canvas = smallCanvas(), radio = make('input', {type: 'radio', name: 'kind'});
  radio.addEventListener('change', () => {
    state.kind = kind;
    state.repaired.clear();
    update();
  });
  const label = make('label', {className: 'kind'}, canvas, make('span', {}, radio, name));
  element('kinds').append(label);
  return {kind, canvas, radio, label};
});

function showPanels() {
  for (const {kind, radio, label} of cards) {
    radio.checked = kind === state.kind;
    label.classList.toggle('selected', kind === state.kind);
    element('panel-' + kind).hidden = kind !== state.kind;
  }
  layers.forEach(({box}, number) => {
    box.checked = state.kind === 'training' || state.repaired.has(number);
    box.disabled = state.kind === 'training';
  });
  if (!data.layers.length) return;
  const momentum = MOMENTUMS[element('momentum').value], updates = UPDATES[element('updates').value];
  const batches = standing[element('batches').value].batches;
  for (const [id, value] of [['momentum', momentum], ['updates', updates], ['batches', batches]]) {
    element(id + '-value').textContent = value.toLocaleString('en-US', {maximumFractionDigits: 4});
    element(id).setAttribute('aria-valuetext', value);
  }
  element('initial-weight').textContent = element('kept').checked ? 'Move a slider to see other averages.' :
    `The initial values still have a weight of ${momentum} to the power of ${updates}: ${percent(initialWeight())}.`;
}

/** Whether the batch is normalized with this kind of statistics, in all layers. */
const isShown = kind => kind === state.kind && !state.repaired.size;

/** Draws the selected image with each kind, and the images in the places, one by one when nothing more changes. */
let drawing;
function showLater() {
  clearTimeout(drawing);
  const tasks = data.layers.length ? cards.map(card => () => showCard(card)) : [];
  tasks.push(...[from, to, a, b, c, between, total].map(shown => () => showPlaces([shown])));
  const next = () => {
    tasks.shift()();
    if (tasks.length) drawing = setTimeout(next, 0);
  };
  drawing = setTimeout(next, 150);
}

function showCard({kind, canvas}) {
  const {vectors, selected} = state;
  if (isShown(kind)) return; // by showSelected
  if (kind === 'training') draw(canvas, generate(vectors, statisticsOf(kind)).images[selected]);
  else draw(canvas, generate([vectors[selected]], statisticsOf(kind)).images[0]);
}

if (data.layers.length) {
  for (const [id, values, value] of [['momentum', MOMENTUMS, 5], ['updates', UPDATES, 9],
                                     ['batches', standing, standing.length - 1]]) {
    Object.assign(element(id), {max: values.length - 1, value, disabled: values.length < 2});
    element(id).addEventListener('input', () => {
      if (id !== 'batches') element('kept').checked = false;
      update();
    });
  }
  element('kept').addEventListener('change', () => update());
}
element('batch-norm').hidden = element('layers-section').hidden = !data.layers.length;

/** Replaces other images of the batch, and says what this changes in the selected one. */
function swap(numbers) {
  const before = computed.images[state.selected];
  for (const number of numbers) state.vectors[number] = randomVector();
  update();
  const differences = computed.images[state.selected].map((value, i) => Math.abs(value - before[i]) * 127.5);
  const average = differences.reduce((total, value) => total + value, 0) / differences.length;
  const [mean, largest] = [average.toFixed(1), Math.max(...differences).toFixed(0)];
  element('company').textContent = `The latent vector of image ${state.selected + 1} is the same, but the image ` +
    `changed by ${mean} of 255 gray levels on average, and by ${largest} at most.`;
}
const others = () => [...tiles.keys()].filter(number => number !== state.selected);
element('swap').addEventListener('click', () => swap([others()[Math.floor(uniform() * 15)]]));
element('swap-all').addEventListener('click', () => swap(others()));

/* Places for images: interpolation and arithmetic */

function place(name, number) {
  const canvas = smallCanvas(), slot = make('button', {type: 'button', className: 'slot'}, canvas, name);
  slot.vector = first[number];
  const shown = {slot, canvas, compute: () => slot.vector};
  slot.setAttribute('aria-label', `${name}: put the selected image here`);
  slot.receive = vector => { slot.vector = vector.slice(); showPlaces([shown, between, total]); };
  slot.addEventListener('click', () => slot.receive(state.vectors[state.selected]));
  movable(slot, shown.compute);
  return shown;
}

function outcome(name, compute) {
  const canvas = smallCanvas(), slot = make('button', {type: 'button', className: 'slot result'}, canvas, name);
  slot.setAttribute('aria-label', `${name}: put it into the batch in place of the selected image`);
  slot.addEventListener('click', () => tiles[state.selected].label.receive(compute()));
  movable(slot, compute);
  return {slot, canvas, compute};
}

/** A point between two vectors; with slerp, on the great circle, while the length changes linearly (see latent.py). */
function interpolate(a, b, t) {
  const length = vector => Math.max(Math.sqrt(along(vector, vector)), 1e-12), lengths = [length(a), length(b)];
  const angle = Math.acos(Math.min(Math.max(along(a, b) / lengths[0] / lengths[1], -1), 1)), sine = Math.sin(angle);
  if (data.interpolation === 'linear') return a.map((value, i) => (1 - t) * value + t * b[i]);
  const weights = [1 - t, t].map(share => sine > 1e-6 ? Math.sin(share * angle) / sine : share);
  const scale = (1 - t) * lengths[0] + t * lengths[1];
  return a.map((value, i) => (weights[0] * value / lengths[0] + weights[1] * b[i] / lengths[1]) * scale);
}

const [from, to, a, b, c] = [['From', 0], ['To', 1], ['A', 2], ['B', 3], ['C', 4]].map(parts => place(...parts));
const share = make('input', {type: 'range', id: 'share', min: 0, max: 100, value: 50});
const between = outcome('Between', () => interpolate(from.slot.vector, to.slot.vector, share.value / 100));
const total = outcome('A−B+C', () => a.slot.vector.map((value, i) => value - b.slot.vector[i] + c.slot.vector[i]));
share.setAttribute('aria-label', 'Percent of the way from the first image to the second');
share.addEventListener('input', () => showPlaces([between]));
const sign = text => make('span', {className: 'sign', textContent: text});
element('between-row').append(from.slot, make('div', {className: 'grow'}, share), to.slot, sign('→'), between.slot);
element('sum-row').append(a.slot, sign('−'), b.slot, sign('+'), c.slot, sign('='), total.slot);

function showPlaces(places) {
  for (const {canvas, compute} of places) draw(canvas, generateOne(compute()));
  showTimes();
}

/* Dragging, with the mouse or a finger: an element that can be moved has a vector, one with `receive` takes it. */

function movable(source, vector) {
  source.classList.add('drag');
  source.addEventListener('dragstart', event => event.preventDefault());
  source.addEventListener('pointerdown', start => {
    if (start.button) return;
    let ghost, target;
    const move = event => {
      if (!ghost && Math.hypot(event.clientX - start.clientX, event.clientY - start.clientY) < 6) return;
      if (!ghost) {
        ghost = make('canvas', {className: 'ghost'});
        draw(ghost, generateOne(vector()));
        document.body.append(ghost);
      }
      [ghost.style.left, ghost.style.top] = [event.clientX + 'px', event.clientY + 'px'];
      if (target) target.classList.remove('target');
      let below = document.elementFromPoint(event.clientX, event.clientY);
      while (below && !below.receive) below = below.parentElement;
      target = below !== source ? below : null;
      if (target) target.classList.add('target');
    };
    const end = event => {
      removeEventListener('pointermove', move);
      removeEventListener('pointerup', end);
      removeEventListener('pointercancel', end);
      if (ghost) ghost.remove();
      if (!target) return;
      target.classList.remove('target');
      if (event.type === 'pointerup') target.receive(vector());
    };
    addEventListener('pointermove', move);
    addEventListener('pointerup', end);
    addEventListener('pointercancel', end);
  });
}

matchMedia('(prefers-color-scheme: dark)').addEventListener('change', showLayers);
addEventListener('resize', showLayers);
update();
