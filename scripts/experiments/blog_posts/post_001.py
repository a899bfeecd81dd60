"""Post 001: steps per epoch, and the time of an epoch."""
from typing import Any, Dict

from scripts.experiments.blog_posts.layout import NOT_MEASURED, Section
from scripts.experiments.blog_posts.values import COUNT_HEADER, exact, steps_per_epoch
from scripts.lib.measurements import Measurements


def section(published: Dict[str, Any], measurements: Measurements, _: str) -> Section:
    """The results on the post.

    There is no figure: bars of two machines would invite a comparison of programs.
    """
    counts = steps_per_epoch(published, measurements)
    if not counts:
        return Section(NOT_MEASURED, [], None)
    all_exact, rows = counts
    blocks = [('table', COUNT_HEADER, rows)]
    verdict = 'steps per epoch: %s' % exact(all_exact)
    timed = [values for recipe in sorted(published['steps_per_epoch'])
             for values in measurements.values('seconds', recipe, None, None)]
    if not timed:
        return Section(verdict, blocks, 'the time of an epoch')
    rows = []
    for recipe, seconds in sorted(published['seconds_per_epoch'].items()):
        steps = published['steps_per_epoch'][recipe]
        rows.append((None, [recipe + ', the post', 'V100, 16 GB', '', '', '%.1f' % (1000 * seconds / steps),
                            '%.0f' % seconds]))
    for values in timed:
        steps = measurements.values('batches', values['recipe'])[0]
        milliseconds = tuple(values[name] for name in ('median', 'smallest', 'largest'))
        computed_in = '%s, batches of %d' % (values['precision'], values['batch_size'])
        rows.append((None, [values['recipe'] + ', ours', '%s, %s' % (values['device'], values['framework']),
                            values['images'], computed_in, '%.1f (%.1f to %.1f)' % milliseconds,
                            '%.0f (%.0f to %.0f)' % tuple(steps * time / 1000 for time in milliseconds)]))
    num_steps = ', '.join(sorted({str(values['steps']) for values in timed}))
    blocks += [
        ('table', ['recipe', 'machine', 'images', 'computed in', 'ms per step', 's per epoch'], rows),
        ('text', 'Ours: medians (smallest to largest) of %s steps, multiplied by the steps per epoch. The '
         'machines differ, so these times do not compare the programs.' % num_steps)]
    return Section(verdict + '; time per epoch: no verdict, because the hardware differs', blocks, None)
