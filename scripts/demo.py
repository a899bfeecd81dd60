"""Creates a virtual environment, then trains the main recipe on 10,000 MNIST digits: about 10 minutes on 2 CPU cores.

  python3 scripts/demo.py            (further flags are passed to the training: python3 scripts/demo.py --seed=1)

It needs no dataset, and a network only to install packages. Run it again to resume an interrupted training.
"""
import os
import subprocess
import sys

import environment

FLAGS = ['--dataset=mnist_10k', '--steps=1500', '--sample_every=100', '--run_name=demo']


def main() -> int:
    """The program; returns its exit status."""
    arguments = sys.argv[1:]
    python = environment.prepared()
    status = subprocess.call([python, '-m', 'dcgan_tf1.train', *FLAGS, *arguments], cwd=environment.ROOT)
    if status == 0 and not any(argument.lstrip('-').startswith('help') for argument in arguments):
        print(_what_next(_run_dir(arguments)))
    return status


def _run_dir(arguments: 'list[str]') -> str:
    values = dict(argument.lstrip('-').split('=', 1) for argument in [*FLAGS, *arguments] if '=' in argument)
    return values.get('run_dir') or os.path.join('runs', '%s-%s-%s' % (
        values['run_name'], values['dataset'], values.get('seed', '0')))


def _what_next(run_dir: str) -> str:
    samples = os.path.join(environment.ROOT, run_dir, 'samples')
    last = max(name for name in os.listdir(samples) if name.startswith('step_'))
    activate = ('.venv-%d.%d\\Scripts\\activate' if os.name == 'nt' else 'source .venv-%d.%d/bin/activate')
    return '\n'.join([
        '', 'The generated digits:             ' + os.path.join(run_dir, 'samples', last),
        'How they emerged during training: ' + os.path.join(run_dir, 'samples', 'training.gif'),
        '', 'Three things to try next, after "%s":' % (activate % sys.version_info[:2]),
        '  python -m dcgan_tf1.sample --run_dir=%s --bn_mode=standing --interpolation=slerp --output=paths.gif'
        % run_dir,
        '  python -m dcgan_tf1.evaluate --run_dir=%s --num_images=2000' % run_dir,
        '  python -m dcgan_tf1.explore %s' % run_dir])


if __name__ == '__main__':
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
