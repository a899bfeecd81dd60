"""Everything that one run of the benchmark measured, and its form in benchmark.json."""
import json
from typing import Any, Dict, List, NamedTuple, Tuple

from scripts.benchmarks.training.comparisons import compare
from scripts.benchmarks.training.race import Result
from scripts.lib.measurements import read_json


class Measurements(NamedTuple):
    """All measurements of a run."""
    device: str
    python: str  # version
    frameworks: str  # names and versions
    windows: int  # measured windows of each implementation
    batch_sizes: Dict[str, int]  # by recipe
    idle: float  # most CPU time that a waiting process used, in percent of a core
    note: str  # about the circumstances of the measurement, a sentence or empty
    races: Dict[str, List[Result]]  # by recipe
    huge_pages: bool = False  # whether all processes asked for them


def with_earlier(measurements: Measurements, earlier: Measurements) -> Measurements:
    """Adds what was measured earlier and not again, if it was measured in the same way with the same programs."""
    def conditions(found: Measurements) -> Tuple[Any, ...]:
        return (found.device, found.python, sorted(found.frameworks.split(', ')), found.windows, found.note,
                found.huge_pages)
    if conditions(measurements) != conditions(earlier):
        return measurements
    return measurements._replace(
        frameworks=earlier.frameworks,
        idle=max(measurements.idle, earlier.idle), batch_sizes={**earlier.batch_sizes, **measurements.batch_sizes},
        races={**earlier.races, **measurements.races})


def to_json(measurements: Measurements) -> bytes:
    """The content of benchmark.json."""
    content = {
        **measurements._asdict(),
        'races': {recipe: [result._asdict() for result in results]
                  for recipe, results in measurements.races.items()},
        'comparisons': {recipe: compare(results) for recipe, results in measurements.races.items()}}
    return (json.dumps(content, indent=1) + '\n').encode()


def from_json(path: str) -> Measurements:
    """Reads benchmark.json. Raises UserError if it is damaged, OSError if there is none."""
    content: Dict[str, Any] = read_json(path)
    del content['comparisons']
    return Measurements(**{
        **content,
        'races': {recipe: [Result(**result) for result in results]
                  for recipe, results in content['races'].items()}})
