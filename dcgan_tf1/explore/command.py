"""The command `explore`; see `__main__`."""
import os
import re
from typing import Dict, Sequence

from dcgan_tf1.explore import live, tiles
from dcgan_tf1.explore import page as explore_page
from dcgan_tf1.explore.settings import ExploreSettings
from dcgan_tf1.runs import saved_settings
from dcgan_tf1.runs.folder import RunFolder
from dcgan_tf1.sample import latent
from dcgan_tf1.sample.sampler import open_generator
from dcgan_tf1.sample.settings import GeneratorSettings
from dcgan_tf1.settings.train import TrainSettings
from dcgan_tf1.util import files, terminal
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import write_atomically


def run(settings: ExploreSettings, paths: Sequence[str]) -> int:
    """The command: writes the page about the run in this folder; returns the exit status. Raises UserError."""
    if len(paths) != 1:
        raise UserError('name the folder of one run, as in: python -m dcgan_tf1.explore runs/my_run')
    folder = RunFolder(paths[0])
    output = settings.output or os.path.join(folder.path, 'live.html' if settings.live else 'explore.html')
    saved_settings.read(folder)  # otherwise a wrong name would become a new folder
    files.prepare_output(output)
    write_atomically(output, page(settings, folder))
    terminal.say(output)
    return 0


def page(settings: ExploreSettings, folder: RunFolder) -> bytes:
    """The content of the page. Raises UserError if the folder holds no run or the run has no checkpoint."""
    run_flags = saved_settings.read(folder)
    with open_generator(GeneratorSettings(run_dir=folder.path, checkpoint=settings.checkpoint)) as generator:
        texts = {**_texts(folder, run_flags, generator.settings.checkpoint), 'seed': str(settings.seed)}
        if settings.live:
            return live.page(texts, settings, generator)
        stages = tiles.stages(folder, run_flags.image_size, settings.stages)
        noise = latent.plane(generator.latent_vectors(4, settings.seed), settings.points, settings.interpolation)
        slices = tiles.slices(generator, noise, run_flags.batch_size, settings.standing_batches)
    return explore_page.page(texts, stages, slices)


def _texts(folder: RunFolder, run_flags: TrainSettings, checkpoint: str) -> Dict[str, str]:
    """The texts that the template shows."""
    description = 'Recipe %s, dataset %s, seed %d, %d×%d pixels.' % (
        run_flags.recipe, run_flags.dataset, run_flags.seed, run_flags.image_size, run_flags.image_size)
    if not run_flags.update_ops:
        description += ' The run has no update ops, so its moving averages keep their initial values.'
    step = re.search(r'-([0-9]{1,15})$', checkpoint)
    if not step:
        source = 'Checkpoint %s.' % os.path.basename(checkpoint)
    else:
        number = int(step.group(1))
        source = 'Checkpoint of step %s of %s.' % (format(number, ','), format(run_flags.steps, ','))
        if number < run_flags.steps:
            source += ' The training was not finished at this step.'
    return {'title': os.path.basename(os.path.abspath(folder.path)), 'description': description,
            'checkpoint': source, 'bn_mode': run_flags.bn_mode}
