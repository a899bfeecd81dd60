"""Times our training loop against the posts' own loops, Keras 3, PyTorch and the floor, in interleaved runs.

  .venv-3.11/bin/python scripts/benchmark.py                     (the environment that scripts/test.py sets up)
  .venv-3.11/bin/python scripts/benchmark.py --recipes=graph_mode --no-growth --contestants=the,ours,GEMM

For each recipe every contestant is built in a process of its own; then all take windows of steps in turn, so that a
machine that gets slower gets slower for all of them, and only one computes at a time. What can't run here (PyTorch is
not installed by scripts/test.py; `pip install torch` adds it) is named with the reason, and the rest goes on. On a GPU
it runs unchanged. Writes README.md, benchmark.json and a figure a recipe to results/benchmark/.

`benchmarking/contestants.py` lists who runs; `benchmarking/floor.py` says what the floor is.
"""
import argparse
import json
import os
import platform
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))

from arguments import any_path, at_least, list_of, one_of
from benchmarking import contestants, report
from benchmarking.growth import grow
from benchmarking.race import race, say
from benchmarking.recipe import ROOT, hyperparameters
from dcgan_tf1.errors import exit_status
from dcgan_tf1.run_folder import write

RESULTS = os.path.join(ROOT, 'results', 'benchmark')


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--recipes', type=list_of(one_of(list(contestants.RECIPES))),
                        default=','.join(contestants.RECIPES), help='comma-separated; default: all')
    parser.add_argument('--contestants', default='', help='only those whose names begin with one of these, '
                        'comma-separated')
    parser.add_argument('--windows', type=at_least(1), default=9, help='counted windows of each contestant')
    parser.add_argument('--steps', type=at_least(1), default=3, help='a window is at least that many steps')
    parser.add_argument('--seconds', type=at_least(0, float), default=2., help='and at least about that long')
    parser.add_argument('--batch-size', type=at_least(2), help='default: the recipe\'s')
    parser.add_argument('--growth', dest='growth', action='store_true', default=True,
                        help='measure how time and memory grow, too (the default)')
    parser.add_argument('--no-growth', dest='growth', action='store_false')
    parser.add_argument('--output', type=any_path, default=RESULTS, help='folder for the results')
    parsed = parser.parse_args(arguments)
    for recipe in parsed.recipes:
        if not contestants.entries(recipe, parsed.contestants):
            parser.error('--contestants: no name begins with %s; there are %s' % (parsed.contestants, ', '.join(
                dict.fromkeys(contestant.name for contestant in contestants.CONTESTANTS))))
    return parsed


def save(output, races, growth, arguments):
    """Writes what there is so far."""
    running = [result for results in races.values() for result in results if result.unavailable is None]
    batch_sizes = {recipe: arguments.batch_size or hyperparameters({'recipe': recipe}).batch_size for recipe in races}
    how = {'device': ' and '.join(dict.fromkeys(result.device for result in running)) or 'no device',
           'python': platform.python_version(),
           'frameworks': ', '.join(dict.fromkeys(result.framework for result in running)) or 'no framework',
           'windows': arguments.windows, 'batch_sizes': batch_sizes,
           'idle': 100 * max([result.idle for result in running], default=0.)}
    figures = {
        **how, 'races': {recipe: [result._asdict() for result in results] for recipe, results in races.items()},
        'comparisons': {recipe: report.comparisons(results) for recipe, results in races.items()},
        'growth': {recipe: [{**entry._asdict(), 'result': entry.result._asdict()} for entry in entries]
                   for recipe, entries in growth.items()}}
    os.makedirs(output, exist_ok=True)
    for recipe, results in races.items():
        write(os.path.join(output, recipe + '.png'), report.figure(recipe, results, batch_sizes[recipe], how['device']))
    write(os.path.join(output, 'benchmark.json'), (json.dumps(figures, indent=1) + '\n').encode())
    text = report.readme(races, growth, how)
    write(os.path.join(output, 'README.md'), text.encode())
    return text


def main(arguments=None):
    arguments = parse(arguments)
    races, growth = {}, {}
    changes = {'batch_size': arguments.batch_size} if arguments.batch_size else {}
    for recipe in arguments.recipes:
        say(recipe)
        races[recipe] = race(recipe, contestants.entries(recipe, arguments.contestants), arguments.windows,
                             arguments.steps, arguments.seconds, **changes)
        text = save(arguments.output, races, growth, arguments)  # a long run that is stopped leaves what it has
    for recipe in arguments.recipes if arguments.growth else ():
        growth[recipe] = grow(recipe, 3, arguments.steps, arguments.contestants)
        text = save(arguments.output, races, growth, arguments)
    print(text)


if __name__ == '__main__':
    sys.exit(exit_status(main))
