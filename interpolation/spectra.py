"""Spectra: variables with a trailing axis, such as energy, sampled with all their bins at once."""

import numpy as np
import numpy.typing as npt

from interpolation.gather import gather
from interpolation.layout import Values
from interpolation.locate import Plan
from interpolation.rectilinear import Floats


def spectra(plan: Plan, values: Values, method: str = "nearest") -> Floats:
    """Interpolate spectra (nx, ny, nz, E) at the n points of a plan, giving (n, E) float64.

    Each bin is interpolated in space by itself, 'nearest' or 'linear', and none is mixed with
    another. A point outside has no spectrum: all its bins are NaN. Raises ValueError for
    another method, shape or type.
    """
    if values.ndim != 4 or values.shape[3] == 0:
        raise ValueError(f"spectra have shape {values.shape}; (nx, ny, nz, bins) is wanted")
    return gather(plan, [values[..., b] for b in range(values.shape[3])], method).T


def energy_bins(edges: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Give the centres and the ranges (E,) and (E, 2) of energy bins from their edges (E + 1,).

    The centre of a bin is the geometric mean of its edges. Raises ValueError where the edges
    are not positive, finite and ascending.
    """
    limits = np.asarray(edges, dtype=np.float64)
    fine = limits.ndim == 1 and limits.size >= 2 and np.isfinite(limits).all()
    if not fine or limits[0] <= 0 or not (np.diff(limits) > 0).all():
        raise ValueError("energy bins want ascending positive edges, at least two")
    ranges = np.stack([limits[:-1], limits[1:]], axis=1)
    return np.sqrt(ranges[:, 0] * ranges[:, 1]), ranges
