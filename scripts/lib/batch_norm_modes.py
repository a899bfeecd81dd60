"""The batch norm statistics that a generator can be sampled with."""
from typing import NamedTuple, Optional, Union

import numpy as np

from dcgan_tf1.sample.sampler import Generator, Statistics
from dcgan_tf1.settings.train import BN_MODES

MOMENTUM = 0.99  # of batch norm in the recipes


class Mode(NamedTuple):
    """One kind of statistics."""
    name: str  # in tables and in measurements.json
    kind: str  # batch, moving, standing; corrected or initial moving averages
    value: Union[float, int, None] = None  # momentum (None: the recipe's), or number of batches


MODES = (
    Mode('batch', 'batch'),
    Mode('moving 0.9', 'moving', 0.9),
    Mode('moving 0.99', 'moving'),
    Mode('moving 0.999', 'moving', 0.999),
    # Two updates with the same batch equal one update with the momentum squared.
    Mode('moving 0.99, updated twice', 'moving', MOMENTUM ** 2),
    # Without the share of the initial 0 and 1, as Adam corrects its moments: the effect of warm-up alone.
    Mode('moving 0.99, corrected', 'corrected'),
    Mode('never updated', 'initial'),
    Mode('standing 1', 'standing', 1),
    Mode('standing 10', 'standing', 10),
    Mode('standing 100', 'standing', 100),
)


def statistics(generator: Generator, mode: Mode, num_updates: int) -> Optional[Statistics]:
    """The statistics that a generator uses in a mode.

    Args:
      generator: of the run.
      mode: one of `MODES`.
      num_updates: how often the moving averages were updated.
    Returns:
      {name of the moving statistic: float32 [channels]}; None for the statistics of the current batch.
    """
    if mode.kind in BN_MODES:
        option = {'moving': 'momentum', 'standing': 'batches'}.get(mode.kind)
        return generator.statistics(mode.kind, **{option: mode.value} if option else {})
    averages = generator.statistics('moving')
    initial_share = MOMENTUM ** num_updates
    for name, value in averages.items():
        initial = 0. if name.endswith('mean') else 1.
        if mode.kind == 'initial':
            averages[name] = np.full_like(value, initial)
        else:
            averages[name] = ((value - initial_share * initial) / (1 - initial_share)).astype(np.float32)
    return averages
