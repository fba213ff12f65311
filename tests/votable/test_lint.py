"""Lint: what is right has no finding, and every rule has a mutant of it that fires just it."""

import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from vo_server import check
from vo_server.budget import Budget
from vo_server.errors import BadArgument
from vo_server.model.parameter import TEXT, Parameter
from vo_server.model.table import Constant, Header, Table
from votable.lint import VotableChecker, lint
from votable.words import VERSIONS
from votable.write import write

GOOD = """<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">
<RESOURCE type="results">
<COOSYS ID="sky" system="ICRS"/>
<TIMESYS ID="mjd" timescale="TT" refposition="GEOCENTER" timeorigin="MJD-origin"/>
<TIMESYS ID="utc" timescale="UTC" refposition="UNKNOWN"/>
<TABLE nrows="2">
<PARAM name="radius" datatype="double" unit="km" value="3390.5"/>
<FIELD ID="t" name="t" datatype="double" unit="d" ucd="time.epoch" ref="mjd"/>
<FIELD name="u" datatype="char" arraysize="*" xtype="timestamp" ref="utc"/>
<FIELD ID="r" name="ra" datatype="double" unit="deg" ucd="pos.eq.ra;meta.main" ref="sky"/>
<FIELD name="e" datatype="float" arraysize="2" xtype="interval" unit="eV"/>
<FIELD name="n" datatype="short"><VALUES null="-1"/></FIELD>
<GROUP name="g"><FIELDref ref="r"/></GROUP>
<DATA><TABLEDATA>
<TR><TD>1</TD><TD>2005-01-01T00:00:00Z</TD><TD>2</TD><TD>1 2</TD><TD>7</TD></TR>
<TR><TD>1</TD><TD>2005-01-01</TD><TD>2</TD><TD>1 2</TD><TD>-1</TD></TR>
</TABLEDATA></DATA>
</TABLE>
</RESOURCE>
</VOTABLE>
"""
# Rule, what is replaced by what, and the line on which it is found.
MUTANTS = [
    ("xml", "<RESOURCE", "<RESOURCE a=1", None),
    ("doctype", "<VOTABLE", "<!DOCTYPE VOTABLE SYSTEM 'x.dtd'><VOTABLE", 1),
    ("version", '"1.4"', '"7.4"', 1),
    ("namespace", "VOTable/v1.3", "VOTable/v1.1", 1),
    ("schema", '<GROUP name="g">', '<GROUP nam="g">', 13),
    ("id", 'ID="r"', 'ID="sky"', 10),
    ("ref", 'FIELDref ref="r"', 'FIELDref ref="q"', 13),
    ("ref", 'FIELDref ref="r"', 'FIELDref ref="sky"', 13),
    ("ucd-grammar", "pos.eq.ra;meta.main", "pos eq ra", 10),
    ("ucd-word", "pos.eq.ra;meta.main", "pos.eq.ra;bad.ucd", 10),
    ("ucd-place", "pos.eq.ra;meta.main", "meta.main;pos.eq.ra", 10),
    ("ucd-word", '<GROUP name="g">', '<GROUP name="g" ucd="bad.ucd">', 13),
    ("unit", 'unit="deg"', 'unit="furlong"', 10),
    ("unit", 'unit="km"', 'unit="R_E"', 7),
    ("datatype", 'datatype="short"', 'datatype="shirt"', 12),
    ("arraysize", 'arraysize="2"', 'arraysize="-2"', 11),
    ("arraysize", 'name="n" datatype="short"', 'name="n" datatype="short" arraysize="1"', 12),
    ("xtype", 'datatype="char" arraysize="*"', 'datatype="double"', 9),
    ("xtype", 'arraysize="2" xtype', 'arraysize="3" xtype', 11),
    ("null", 'null="-1"', 'null="-99999"', 12),
    ("value", 'value="3390.5"', 'value="a lot"', 7),
    ("timescale", 'timescale="TT"', 'timescale="LST"', 4),
    ("refposition", '"GEOCENTER"', '"MARS"', 4),
    ("timeorigin", '"MJD-origin"', '"long ago"', 4),
    ("timeorigin", ' timeorigin="MJD-origin"', "", 8),
    ("timeorigin", 'ref="utc"', 'ref="mjd"', 9),
    ("coosys", 'system="ICRS"', 'system="MSO"', 3),
    ("equinox", 'system="ICRS"', 'system="ICRS" equinox="J2000"', 3),
    ("name", 'name="e"', 'name="n"', 6),
    ("nrows", 'nrows="2"', 'nrows="3"', 6),
    ("timestamp", "2005-01-01<", "1 Jan 2005<", 9),
    ("cells", "<TD>7</TD>", "<TD>seven</TD>", None),
    ("cells", "<TD>7</TD>", "", None),
    ("href", "<TABLEDATA>", "<BINARY><STREAM href='http://x/'/></BINARY><TABLEDATA>", None),
    ("read", "<TABLEDATA>", "<FITS/><TABLEDATA>", 14),
]


def rules(document: str) -> list[str]:
    """Give the rules that a document breaks."""
    return [finding.rule for finding in lint(document.encode(), Budget())]


def test_what_is_right_has_no_finding() -> None:
    assert rules(GOOD) == []


@pytest.mark.parametrize(("rule", "old", "new", "line"), MUTANTS)
def test_every_rule_has_a_mutant(rule: str, old: str, new: str, line: int | None) -> None:
    assert old in GOOD
    mutant = GOOD.replace(old, new, 1)
    found = list(lint(mutant.encode(), Budget()))
    if rule == "xml":
        assert found
        assert "well-formed" in found[0].message
        return
    mine = [finding for finding in found if finding.rule == rule]
    assert mine, found
    if line is not None:
        assert line in [finding.line for finding in mine]
    assert all(len(finding.message) < 300 for finding in found)


@pytest.mark.parametrize("version", VERSIONS)
def test_what_the_writer_writes_has_no_finding(version: str) -> None:
    header = Header(
        (Parameter("Time", np.dtype("M8[ns]"), ucd="time.epoch"),
         Parameter("X", unit="km", ucd="pos.cartesian.x"),
         Parameter("Density", np.dtype(np.float32), "1/m3", "phys.density")),
        "results",
        constants=(Constant(Parameter("COOSYS", TEXT, ucd="pos.frame"), "MSO"),),
    )  # fmt: skip
    moments = np.array(["2005-01-01", "NaT"], "datetime64[ns]")
    table = Table(header, (moments, np.ones(2), np.ones(2, np.float32)), (("points ok", "2"),))
    for serialisation in VERSIONS[version].serialisations:
        assert rules(b"".join(write([table], version, serialisation)).decode()) == []


def test_many_rows_take_little_room() -> None:
    rows = GOOD[GOOD.index("<TR>") : GOOD.index("</TABLEDATA>")]
    many = GOOD.replace(rows, rows * 20_000).replace('nrows="2"', 'nrows="40000"')
    bad = many.replace('unit="km"', 'unit="furlong"').replace('ID="r"', 'ID="sky"')
    begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert rules(many) == []
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - begun < 150_000
    assert {"unit", "id"} <= set(rules(bad))


def test_a_long_namespace_ends_the_check() -> None:
    long = GOOD.replace("<VOTABLE", f"<VOTABLE xmlns:x='{'u' * 1000}'")
    (finding,) = lint(long.encode(), Budget())
    assert (finding.rule, finding.message) == (
        "namespace",
        "a namespace has more than 256 characters",
    )


def test_the_checker(tmp_path: Path) -> None:
    path = tmp_path / "a.vot"
    path.write_text(GOOD.replace('unit="km"', 'unit="Rm"'), encoding="utf-8")
    found = list(check.checker(str(path)).check(str(path), Budget()))
    assert [str(finding) for finding in found] == [
        f"{path}:7: unit: 'Rm' is no unit of VOUnits 1.1"
    ]
    assert not VotableChecker().recognises("http://127.0.0.1/a.vot")
    with pytest.raises(BadArgument, match="cannot read"):
        list(VotableChecker().check(str(tmp_path / "none.vot"), Budget()))


def test_real_tables(shared: Path) -> None:
    folder = shared / "standards/impex/mocks"
    found = {f.rule for f in lint((folder / "latmos_orbite_60sec.xml").read_bytes(), Budget())}
    assert "arraysize" in found
    found = {f.rule for f in lint((folder / "calcSC_FMI.xml").read_bytes(), Budget())}
    assert {"doctype", "unit"} <= found


def test_the_command(tmp_path: Path) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "vo_server", "check", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    (tmp_path / "good.vot").write_text(GOOD, encoding="utf-8")
    (tmp_path / "bad.xml").write_text(GOOD.replace('"km"', '"furlong"'), encoding="utf-8")
    good, bad = run("good.vot"), run("bad.xml", "--as", "votable")
    assert (good.returncode, good.stdout, good.stderr) == (0, "", "no findings\n")
    assert (bad.returncode, bad.stderr) == (1, "1 finding\n")
    assert bad.stdout == "bad.xml:7: unit: 'furlong' is no unit of VOUnits 1.1\n"
    lost = run("bad.xml")
    assert (lost.returncode, "say --as one of: " in lost.stderr) == (1, True)
