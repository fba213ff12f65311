import numpy as np
import pytest

from interpolation.locate import locate
from interpolation.rectilinear import Grid
from interpolation.spectra import energy_bins, spectra

AXIS = np.arange(5.0)
GRID = Grid(AXIS, AXIS, AXIS)
PLAN = locate(GRID, [[1.2, 2.4, 3.6], [1.5, 2.0, 3.0], [9.0, 0.0, 0.0]])


@pytest.mark.parametrize("kind", ["f4", "f8", ">f4"])
def test_every_bin_is_interpolated_by_itself(kind: str) -> None:
    values = np.random.default_rng(0).normal(size=(5, 5, 5, 7)).astype(kind)
    nearest = spectra(PLAN, values)
    assert nearest.shape == (3, 7)
    np.testing.assert_array_equal(nearest[0], values[1, 2, 4])
    assert np.isnan(nearest[2]).all()
    linear = spectra(PLAN, values, "linear")
    np.testing.assert_allclose(
        linear[1], (values[1, 2, 3].astype(float) + values[2, 2, 3]) / 2, rtol=1e-12
    )


def test_other_shapes_are_refused() -> None:
    for shape in ((5, 5, 5), (5, 5, 5, 0)):
        with pytest.raises(ValueError, match=r"\(nx, ny, nz, bins\) is wanted"):
            spectra(PLAN, np.ones(shape))
    with pytest.raises(ValueError, match="the grid has"):
        spectra(PLAN, np.ones((4, 5, 5, 2)))


def test_bins_from_edges() -> None:
    centres, ranges = energy_bins([10.0, 1000.0, 4000.0])
    np.testing.assert_allclose(centres, [100.0, 2000.0])
    np.testing.assert_array_equal(ranges, [[10, 1000], [1000, 4000]])


@pytest.mark.parametrize("edges", [[1.0], [0.0, 1.0], [2.0, 1.0], [1.0, np.inf], [[1.0, 2.0]]])
def test_bad_edges_are_refused(edges: object) -> None:
    with pytest.raises(ValueError, match="ascending positive edges"):
        energy_bins(np.array(edges))
