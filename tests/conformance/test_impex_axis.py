"""Java clients that Apache Axis generates of the served descriptions, against a running node."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conformance.conftest import MarsNode

pytestmark = [pytest.mark.conformance, pytest.mark.slow]

_OUTPUT = "spase://VOSERVER/NumericalOutput/HYB/Mars/RunB-coarse/H+netcdf"
_PROGRAM = Path(__file__).parent / "programs" / "AxisClient.java"
_JARS = [
    Path("/usr/share/java") / f"{name}.jar"
    for name in ("axis", "jaxrpc", "saaj", "commons-discovery", "commons-logging", "wsdl4j")
]
_GENERATOR = "org.apache.axis.wsdl.WSDL2Java"


def _run(*command: str | Path) -> str:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def told(
    mars_node: "MarsNode", program: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """What a client says that is compiled against the stubs of both services."""
    for jar in _JARS:
        if not jar.is_file():
            program(f"Apache Axis ({jar.name} of libaxis-java)")
    folder = tmp_path_factory.mktemp("axis")
    jars = ":".join(map(str, _JARS))
    java, javac = program("java"), program("javac")
    for dialect in ("fmi", "latmos"):
        url = f"{mars_node.url}/impex/{dialect}?wsdl"
        _run(java, "-cp", jars, _GENERATOR, "-o", folder / "stubs", url)
    stubs = sorted((folder / "stubs").rglob("*.java"))
    _run(javac, "-nowarn", "-cp", jars, "-d", folder / "classes", *stubs, _PROGRAM)
    classes = f"{jars}:{folder / 'classes'}"
    said = _run(java, "-cp", classes, "AxisClient", mars_node.url, _OUTPUT, mars_node.orbit)
    return dict(line.split("\t", 1) for line in said.splitlines())


def test_services_are_alive(told: dict[str, str]) -> None:
    assert told["alive"] == told["latmos alive"] == "true"


@pytest.mark.parametrize(
    ("name", "extension", "rows"),
    [
        ("value", "vot", 1440),
        ("latmos value", "vot", 1440),
        ("orbit", "vot", 13),
        ("latmos orbit", "vot", 13),
        ("surface", "vot", None),
        ("lines", "vot", None),
        ("particles", "vot", 2),
        ("tracks", "vot", None),
    ],
)
def test_tables(
    told: dict[str, str], mars_node: "MarsNode", name: str, extension: str, rows: int | None
) -> None:
    assert told[name].startswith(f"{mars_node.url}/results/")
    assert told[name].endswith(f".{extension}")
    count = mars_node.get(told[name]).count(b"<TR>")
    assert count == rows if rows is not None else count > 2


def test_what_is_asked_for_beside_the_points(told: dict[str, str], mars_node: "MarsNode") -> None:
    assert mars_node.get(told["ascii"]).startswith(b"# x y z Bx By")
    assert b'name="Btot"' in mars_node.get(told["lines"])
    assert b"Interpolation: linear" in mars_node.get(told["surface"])


def test_the_most_relevant_run(told: dict[str, str]) -> None:
    runs = json.loads(told["runs"])["runs"]
    assert [run["ResourceID"] for run in runs] == [
        "spase://VOSERVER/SimulationRun/HYB/Mars/RunB-coarse"
    ]


def test_a_table_in_the_answer(told: dict[str, str]) -> None:
    assert "FileURLs" in told["latmos files"]


def test_a_fault(told: dict[str, str]) -> None:
    assert told["fault"].startswith("Client FMI error: ResourceID 'nonsense' is not served here")
