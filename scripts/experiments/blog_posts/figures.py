"""Parts of figures that several posts share."""
from typing import List, Sequence

from dcgan_tf1.util import charts
from scripts.experiments.blog_posts import rules
from scripts.experiments.blog_posts.rules import Number


def draw_band(axes, numbers: List[Number], positions: Sequence[float], color: str, name: str) -> None:
    """Draws the mean and the central 95% of our values at these positions."""
    ours = [rules.summary(rules.pooled(number)) for number in numbers]
    color = charts.COLORS[color]
    axes.fill_between(positions, [each.low for each in ours], [each.high for each in ours], color=color,
                      alpha=0.25, linewidth=0)
    axes.plot(positions, [each.mean for each in ours], color=color, linewidth=1.4, label=name)


def mark_published(axes, positions: Sequence[float], values: Sequence[float]) -> None:
    """Marks a post's numbers."""
    axes.plot(positions, values, 'x', color=charts.COLORS['vermilion'], markersize=6, markeredgewidth=1.8,
              label='Post')
