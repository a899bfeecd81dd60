"""The settings of evaluations, completed with those of a run."""
from dcgan_tf1.evaluate.settings import EvaluateSettings
from dcgan_tf1.runs.folder import RunFolder
from dcgan_tf1.runs.saved_settings import check_data_dir, read
from dcgan_tf1.sample.preparation import for_run, with_run_values
from dcgan_tf1.settings.fields import Role
from dcgan_tf1.settings.train import TrainSettings


def for_run_and_data(settings: EvaluateSettings) -> EvaluateSettings:
    """Settings of an evaluation: those of `for_run`, and the dataset that the run was trained on.

    --data_dir says where the data lie, --skip_unreadable and --follow_links which of their files are read; by default
    as for the training. So is --classifier_steps.
    """
    settings = for_run(settings)
    folder = RunFolder(settings.run_dir)
    run = read(folder)
    defaults = [*settings.names(Role.OF_THE_FILES), 'classifier_steps']
    names = [*settings.names(Role.OF_THE_DATA), *(name for name in defaults if name not in settings.given)]
    settings = with_run_values(settings.replace(data_dir=settings.data_dir or run.data_dir), run, names)
    check_data_dir(folder, settings, run)
    return settings


def for_evaluation_during_training(settings: TrainSettings) -> EvaluateSettings:
    """The settings with which the `evaluate` command scores a run of these settings, except for the checkpoint."""
    names = ['network', 'run_dir', 'data_dir', 'bn_mode', 'standing_batches', 'cache_dir', 'classifier_steps']
    for role in (Role.OF_THE_GENERATOR, Role.OF_THE_DATA, Role.OF_THE_FILES):
        names += settings.names(role)
    values = {name: getattr(settings, name) for name in names}
    return EvaluateSettings(num_images=settings.evaluation_images, **values)
