"""Two nodes: one samples its run along what another one serves, over HAPI and as a VOTable."""

import io
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

import numpy as np
import pytest
from astropy.io.votable import parse_single_table

from tests.benchmarks.node import BenchNode, served
from tests.conformance.test_impex_results import ask, fly
from vo_server.demo import client

if TYPE_CHECKING:
    from tests.conformance.conftest import MarsNode

pytestmark = pytest.mark.conformance

_START, _STOP = "2026-01-01T02:00:00Z", "2026-01-01T04:00:00Z"


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BenchNode]:
    """Run the sample node, which flies its own run along an orbit."""
    with served(tmp_path_factory.mktemp("peer")) as node:
        yield node


@pytest.fixture(scope="module")
def series(peer: BenchNode, mars_node: "MarsNode") -> str:
    """URL of the records of a virtual spacecraft of the peer."""
    catalog = json.loads(mars_node.get(f"{peer.url}/hapi/catalog"))["catalog"]
    names = [one["id"] for one in catalog if "_at_" in one["id"]]
    flight = next(name for name in names if not name.startswith("av_"))
    asked = f"id={flight}&parameters=Position&time.min={_START}&time.max={_STOP}"
    return f"{peer.url}/hapi/data?{asked}"


def _table(content: bytes) -> Any:
    return parse_single_table(io.BytesIO(content)).to_table(use_names_over_ids=True)


def _floats(column: Any) -> Any:
    return np.ma.filled(np.ma.asarray(column).astype(float), np.nan)


def test_a_peers_series_and_its_votable_give_the_same(
    mars_node: "MarsNode", peer: BenchNode, series: str
) -> None:
    along = client.call(
        f"{peer.url}/impex/fmi",
        "getDataPointValueSpacecraft",
        {
            "ResourceID": "spase://Demo/NumericalOutput/HYB/Mars/RunB-coarse/H+",
            "Variable": "Density",
            "Spacecraft_name": "MEX-like",
            "StartTime": _START,
            "StopTime": "2026-01-01T03:59:00Z",
            "Sampling": "PT60S",
        },
    )
    by_table = _table(fly(mars_node, along, extra="<Variable>Ux</Variable>"))
    by_hapi = _table(fly(mars_node, escape(series), extra="<Variable>Ux</Variable>"))
    assert len(by_table) == len(by_hapi) == 120
    np.testing.assert_allclose(_floats(by_hapi["Ux"]), _floats(by_table["Ux"]), rtol=1e-9)
    assert np.isfinite(_floats(by_hapi["Ux"])).any()


def test_a_peer_that_refuses_is_named(mars_node: "MarsNode", series: str) -> None:
    with pytest.raises(AssertionError, match="400; check the URL"):
        ask(
            mars_node,
            "getDataPointValue",
            "<ResourceID>spase://VOSERVER/NumericalOutput/HYB/Mars/RunB-coarse/H+netcdf"
            f"</ResourceID><url_XYZ>{escape(series)}x</url_XYZ>",
        )
