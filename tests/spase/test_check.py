"""The checker: nothing on what is right, and each rule fires on what breaks just it."""

import os
from collections import Counter
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner

from spase import look
from spase.check import SpaseChecker
from vo_server import check
from vo_server.budget import Budget
from vo_server.cli import cli
from vo_server.errors import BadArgument, Failure

_PLACE = "Own/NumericalData/Probe/MAG/PT1M.xml"
_ID = b"spase://Own/NumericalData/Probe/MAG/PT1M"


def _folder(folder: Path, **files: bytes) -> list[check.Finding]:
    """Check a folder of files; `__` in a name is a step of its path."""
    for name, content in files.items():
        path = folder / (name.replace("__", "/") + ".xml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return list(SpaseChecker().check(str(folder), Budget()))


def test_a_good_record_in_its_place_has_no_finding(tmp_path: Path, good: bytes) -> None:
    assert _folder(tmp_path, Own__NumericalData__Probe__MAG__PT1M=good) == []


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        (b"2021-01-01T", b"2019-01-01T", "order"),
        (b">nT<", b">nanoteslas per furlong<", "unit"),
        (b">c<", b"> b <", "key"),
        (b"<ProductKey>probe-mag</ProductKey>", b"", "access"),
        (b">2.7.1<", b">2.7.9<", "version"),
        (b">CSV<", b">Parchment<", "schema"),
        (b"</Spase>", b"", "xml"),
        (_ID + b"<", _ID + b" <", "id"),
        (_ID + b"<", b"spase://Own/DisplayData/Probe/MAG/PT1M<", "id"),
        (_ID + b"<", b"spase://Own/NumericalData/../MAG/PT1M<", "id"),
        (_ID + b"<", b"spase://Own/NumericalData/Probe/MAG/PT2M<", "path"),
        (b"spase://Own/Person/Ada", b"spase://Own/NumericalData/Nobody", "reference"),
    ],
)
def test_a_mutant_fires_its_rule(
    tmp_path: Path, good: bytes, old: bytes, new: bytes, rule: str
) -> None:
    assert good.count(old) > 0
    found = _folder(tmp_path, Own__NumericalData__Probe__MAG__PT1M=good.replace(old, new))
    rules = [finding.rule for finding in found if finding.rule != "path" or rule == "path"]
    assert rules == [rule], found
    assert all(finding.path.endswith(_PLACE) for finding in found)
    assert all(finding.line for finding in found)


def test_two_records_of_one_id_are_told(tmp_path: Path, good: bytes) -> None:
    found = _folder(tmp_path, Own__NumericalData__Probe__MAG__PT1M=good, zz=good)
    assert Counter(f.rule for f in found) == {"twice": 1, "path": 1}


def test_parents_in_a_circle_are_told_once(tmp_path: Path) -> None:
    granule = """<Spase xmlns="http://www.spase-group.org/data/schema"><Version>2.7.1</Version>
    <Granule><ResourceID>spase://Own/Granule/{0}</ResourceID>
    <ParentID>spase://Own/Granule/{1}</ParentID></Granule></Spase>"""
    found = _folder(
        tmp_path,
        Own__Granule__a=granule.format("a", "b").encode(),
        Own__Granule__b=granule.format("b", "a").encode(),
        Own__Granule__c=granule.format("c", "a").encode(),
    )
    assert Counter(f.rule for f in found if f.rule != "schema") == {"circle": 1}


def test_either_name_of_a_kind_is_right_in_an_id(tmp_path: Path, good: bytes) -> None:
    model = good.replace(b"NumericalData/Probe", b"SimulationModel/Probe")
    model = model.replace(b"<NumericalData>", b"<Model>").replace(b"</NumericalData>", b"</Model>")
    found = _folder(tmp_path, Own__SimulationModel__Probe__MAG__PT1M=model)
    assert "id" not in {finding.rule for finding in found}


def test_a_file_that_cannot_be_read_does_not_end_the_check(tmp_path: Path, good: bytes) -> None:
    found = _folder(tmp_path, Own__NumericalData__Probe__MAG__PT1M=good, a=b"<!DOCTYPE a><a/>")
    assert [finding.rule for finding in found] == ["read"]


def test_processes_that_share_a_folder_find_the_same_in_the_same_order(
    tmp_path: Path, good: bytes
) -> None:
    files = {
        f"Own__NumericalData__{number:03d}": good.replace(
            b"Probe/MAG/PT1M<", f"{name:03d}<".encode()
        )
        for number, name in enumerate([*range(100), 7, 8])
    }
    files["Own__NumericalData__050"] = b"<!DOCTYPE a><a/>"
    alone = _folder(tmp_path, **files)
    assert list(SpaseChecker(2).check(str(tmp_path), Budget())) == alone
    assert Counter(finding.rule for finding in alone) == {"twice": 2, "path": 2, "read": 1}


def test_a_process_that_ends_is_told_of(
    tmp_path: Path, good: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    _folder(tmp_path, a=good, b=good)
    monkeypatch.setattr(look, "_begin", partial(os._exit, 3))
    with pytest.raises(Failure, match="has ended"):
        list(SpaseChecker(2).check(str(tmp_path), Budget()))


def test_there_is_nothing_to_check(tmp_path: Path) -> None:
    with pytest.raises(BadArgument, match=r"no \.xml"):
        list(SpaseChecker().check(str(tmp_path), Budget()))
    with pytest.raises(BadArgument, match="cannot read"):
        list(SpaseChecker().check(str(tmp_path / "no.xml"), Budget()))


def test_wrong_things_in_real_trees_are_found(real: dict[str, bytes], tmp_path: Path) -> None:
    found = {}
    for name in ("SINP/SINP_tree.xml", "SMWG/Tree_UCLA.xml", "LESIA/tree_Mag.xml"):
        path = tmp_path / "tree.xml"
        path.write_bytes(real[f"standards/impex/trees/{name}"])
        found[name] = Counter(f.rule for f in SpaseChecker().check(str(path), Budget()))
    assert found == {
        "SINP/SINP_tree.xml": {"order": 1},
        "SMWG/Tree_UCLA.xml": {"id": 1, "reference": 1},
        "LESIA/tree_Mag.xml": {},
    }


def test_the_command_line_checks_folders_and_files(tmp_path: Path, good: bytes) -> None:
    _folder(tmp_path, Own__NumericalData__Probe__MAG__PT1M=good)
    assert CliRunner().invoke(cli, ["check", str(tmp_path)]).exit_code == 0
    file = tmp_path / _PLACE
    file.write_bytes(good.replace(b"2021-01-01T", b"2019-01-01T"))
    result = CliRunner().invoke(cli, ["check", str(file), "--as", "spase"])
    assert result.exit_code == 1
    assert f"{file}:28: order: StopDate: '2019-01-01T00:00:00Z' is before" in result.output
