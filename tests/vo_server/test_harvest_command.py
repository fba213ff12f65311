"""`vo-server harvest`."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from vo_server.cli import cli
from vo_server.errors import BadArgument


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "node.toml"
    path.write_text(
        '[node]\nauthority = "Own"\n[[harvest]]\nname = "files"\nuse = "folder"\npath = "r"\n'
    )
    return path


def test_says_what_it_did_and_what_not(config: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["harvest", "--config", str(config)])
    assert result.exit_code == 1
    assert result.output == f"files: there is no folder {tmp_path / 'r'}\n"
    (tmp_path / "r").mkdir()
    (tmp_path / "r/A.xml").write_text(
        '<Spase xmlns="http://www.spase-group.org/data/schema"><Version>2.7.1</Version><Person>'
        "<ResourceID>spase://P/Person/A</ResourceID><OrganizationName>P</OrganizationName>"
        "</Person></Spase>"
    )
    result = CliRunner().invoke(cli, ["harvest", "files", "--config", str(config)])
    assert result.exit_code == 0
    assert result.output == "files: 1 new, 0 changed, 0 gone\n"


def test_an_unknown_name_is_refused(config: Path) -> None:
    result = CliRunner().invoke(cli, ["harvest", "other", "--config", str(config)])
    assert isinstance(result.exception, BadArgument)
    assert "there are: files" in str(result.exception)
