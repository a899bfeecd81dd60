"""Figures of scores and samples."""
import os
from typing import Dict, List, Optional

import numpy as np

from dcgan_tf1.util import charts, image_files
from scripts.experiments.batch_norm.measure import scored_seeds
from scripts.experiments.blog_posts.post_002 import sample_path
from scripts.lib.batch_norm_modes import MODES
from scripts.lib.measurements import Measurements

# The kinds of statistics that the figures show, with the names and colors that they have there.
_SHOWN = {'batch': ('Training mode', 'black'), 'moving 0.99': ('Moving average, 0.99', 'blue'),
          'never updated': ('Update ops never run', 'vermilion'),
          'standing 100': ('Standing, 100 batches', 'green')}
_FAILING = 'never updated'
_SCORES = {'frechet_distance': 'Fréchet distance', 'most_frequent_share': 'Share of the\nmost frequent digit',
           'sharpness_ratio': 'Sharpness\n(ratio to real)', 'recall': 'Recall'}
_NUM_DIGITS = 4  # images per mode and step in the small picture of samples
_PADDING = 2  # of the stored grids
_HIGHEST_SHARPNESS = 2.5  # that is shown: higher is the noise of the first steps


def scores(measurements: Measurements, plan: Dict[str, List[int]]) -> bytes:
    """A PNG: scores against the step, a column per recipe.

    Lines are means over the seeds, bands their range.
    """
    drawing = charts.figure(7, 8)
    grid = drawing.subplots(len(_SCORES), len(plan), squeeze=False, sharey='row')
    for axes_of_score, (score, title) in zip(grid, _SCORES.items()):
        for axes, (recipe, steps) in zip(axes_of_score, plan.items()):
            seeds = [scored_seeds(measurements, recipe, step) for step in steps]
            for mode, (name, color) in _SHOWN.items():
                values = [[modes[mode]['scores'].get(score, np.nan) for modes in modes_of_seeds]
                          for modes_of_seeds in seeds]
                color = charts.COLORS[color]
                # Training mode and standing statistics nearly coincide: a wide line below a dashed one.
                axes.plot(steps, list(map(np.mean, values)), color=color, marker='.', label=name,
                          linewidth=2.6 if mode == 'batch' else 1.4,
                          linestyle='--' if mode == 'standing 100' else '-')
                axes.fill_between(steps, list(map(np.min, values)), list(map(np.max, values)), color=color,
                                  alpha=0.15, linewidth=0)
            real = measurements.content['real']['scores'].get(score)
            if real is not None:
                axes.axhline(real, color=charts.COLORS['reference'], linewidth=1, linestyle=':',
                             label='Real images')
            axes.set_xscale('log')
            axes.set_yscale('log' if score == 'frechet_distance' else 'linear')
            if score == 'sharpness_ratio':
                axes.set_ylim(0, _HIGHEST_SHARPNESS)
            axes.set_xticks(steps)
            axes.set_xticklabels([f'{step:,}' for step in steps])
            axes.minorticks_off()
            charts.label(axes, recipe if axes in grid[0] else None, 'Step' if axes in grid[-1] else None,
                        title if axes is axes_of_score[0] else None)
    charts.legend_above(drawing, grid[0, 0], 3)
    return charts.render(drawing)


def samples(recipe: str, rows: Dict[int, Dict[str, np.ndarray]]) -> bytes:
    """A PNG: images of seed 0 from the same latent vectors.

    There is a row for each kind of statistics and a column for each step. `rows`: see `stored_rows`.
    """
    steps = sorted(rows)
    digit_size = 5.4 / (_NUM_DIGITS * len(steps))  # inches
    drawing = charts.figure(7, 0.35 + len(_SHOWN) * (digit_size + 0.14))
    grid = drawing.subplots(len(_SHOWN), len(steps), squeeze=False)
    for column, step in enumerate(steps):
        for axes, mode in zip(grid[:, column], _SHOWN):
            row = rows[step][mode]
            axes.imshow(row[:, :_PADDING + (row.shape[1] - _PADDING) * _NUM_DIGITS // _columns(row)],
                        interpolation='nearest')
            axes.set_xticks([])
            axes.set_yticks([])
            for spine in axes.spines.values():
                spine.set_color(charts.COLORS['vermilion'] if mode == _FAILING else 'none')
                spine.set_linewidth(2)
        grid[0, column].set_title(f'Step {step:,}', fontsize=10)
    for axes, mode in zip(grid[:, 0], _SHOWN):
        name = _SHOWN[mode][0].replace(', ', ',\n').replace(' never', '\nnever')
        axes.set_ylabel(name, fontsize=9, rotation=0, ha='right', va='center')
    return charts.render(drawing)


def samples_of_all_modes(recipe: str, steps: List[int], output: str) -> bytes:
    """A PNG: as `samples`, but with all kinds of statistics and a panel per step."""
    drawing = charts.figure(7, 0.2 + 3.1 * -(-len(steps) // 2))
    grid = drawing.subplots(-(-len(steps) // 2), 2, squeeze=False)
    for axes in grid.flat[len(steps):]:
        axes.set_visible(False)
    for axes, step in zip(grid.flat, steps):
        picture = _stored_grid(recipe, step, output)
        axes.imshow(picture, interpolation='nearest')
        height = (len(picture) - _PADDING) / len(MODES)
        axes.set_title(f'Step {step:,}', fontsize=10)
        axes.set_xticks([])
        axes.set_yticks([_PADDING + height * (row + 0.5) for row in range(len(MODES))])
        axes.set_yticklabels([mode.name for mode in MODES] if axes in grid[:, 0] else [], fontsize=9)
        axes.tick_params(length=0)
    return charts.render(drawing)


def grid_path(recipe: str, step: int, output: str) -> str:
    """The path of the images of seed 0 at a step."""
    return os.path.join(output, 'samples', '%s_%06d.png' % (recipe, step))


def _stored_grid(recipe, step, output):
    return image_files.read_image(grid_path(recipe, step, output))


def stored_rows(recipe: str, steps: List[int], output: str, blog_posts: Optional[str]) -> Dict[
        int, Dict[str, np.ndarray]]:
    """{step: {kind of statistics: a row of images of seed 0}}, as far as they are stored.

    `blog_posts`: the results of scripts.experiments.blog_posts, whose samples of the same latent vectors are used for
    steps that only its longer trainings reached; or None.
    """
    found = {}
    for step in steps:
        if os.path.exists(grid_path(recipe, step, output)):
            grid = _stored_grid(recipe, step, output)
            found[step] = {mode.name: _row(grid, index, len(MODES)) for index, mode in enumerate(MODES)}
            continue
        paths = {mode: sample_path(blog_posts or '', recipe, mode, step) for mode in _SHOWN}
        if all(map(os.path.exists, paths.values())):
            found[step] = {mode: _row(image_files.read_image(path), 0, 2) for mode, path in paths.items()}
    return found


def _row(grid, index, count):
    height = (len(grid) - _PADDING) // count
    return grid[index * height:(index + 1) * height + _PADDING]


def _columns(row):
    return (row.shape[1] - _PADDING) // (row.shape[0] - _PADDING)
