"""The picture of a flight: field strength along it, and the orbit over a cut of the cube."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LogNorm
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from numpy.typing import NDArray

from vo_server.model.space import Body
from vo_server.ports import Field

_PIXELS = 300
_NANO = 1e9


def draw(
    path: Path,
    title: str,
    flight: Mapping[str, NDArray[np.generic]],
    field: Field,
    body: Body,
) -> None:
    """Write a PNG.

    flight: columns Time (datetime64), X, Y, Z in m and Btot in T along the orbit; the cut is the
    plane y = 0 of the field's domain, the orbit is projected on it.
    """
    figure = Figure(figsize=(13, 5.2), layout="constrained")
    FigureCanvasAgg(figure)
    along, over = figure.subplots(1, 2, width_ratios=(1.25, 1))
    figure.suptitle(title)
    along.plot(flight["Time"], flight["Btot"].astype(float) * _NANO, lw=1.0)
    along.set_ylabel("|B| along the flight  [nT]")
    along.set_xlabel("time (UTC)")
    locator = AutoDateLocator()
    along.xaxis.set_major_locator(locator)
    along.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    along.set_ylim(bottom=0.0)
    along.grid(alpha=0.3)

    radius = body.radius
    lower, upper = field.domain.lower, field.domain.upper
    x = np.linspace(lower[0], upper[0], _PIXELS)
    z = np.linspace(lower[2], upper[2], _PIXELS)
    xx, zz = np.meshgrid(x, z, indexing="ij")
    points = np.column_stack([xx.ravel(), np.zeros(xx.size), zz.ravel()])
    strength = field.sample(points, ("Btot",), "linear")[0][0].reshape(xx.shape) * _NANO
    image = over.pcolormesh(
        x / radius, z / radius, strength.T, norm=LogNorm(), cmap="viridis", rasterized=True
    )
    figure.colorbar(image, ax=over, label="|B| in the plane y = 0  [nT]")
    over.add_patch(Circle((0.0, 0.0), 1.0, facecolor="#b5543c", edgecolor="black", zorder=3))
    over.plot(
        flight["X"].astype(float) / radius,
        flight["Z"].astype(float) / radius,
        color="white",
        lw=0.9,
        zorder=4,
    )
    over.set_aspect("equal")
    over.set_xlabel(f"x  [{body.name} radii], towards the Sun")
    over.set_ylabel(f"z  [{body.name} radii]")
    over.set_title("orbit (white, projected) over the cube", fontsize=10)
    figure.savefig(path, dpi=110)
