"""Settings: the node file, the environment over it, and refusals by key."""

from pathlib import Path

import pytest

from vo_server.errors import BadArgument
from vo_server.settings import load

_NODE = """
[node]
authority = "MyLab"
[[providers]]
use = "netcdf-cubes"
path = "runs/*/*.nc"
[fetch]
allow = ["127.0.0.1/32"]
"""


def _write(folder: Path, text: str = _NODE) -> Path:
    path = folder / "node.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_defaults_and_folder(tmp_path: Path) -> None:
    settings = load(_write(tmp_path))
    assert settings.folder == tmp_path.resolve()
    assert settings.state == tmp_path.resolve() / "state"
    assert settings.providers[0].options() == {"path": "runs/*/*.nc"}
    assert settings.limits.budget().points == 1_000_000


def test_the_environment_overrules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VO_NODE__BASE_URL", "https://sims.example.org/vo")
    monkeypatch.setenv("VO_LIMITS__POINTS", "10")
    monkeypatch.setenv("VO_SHARED", "elsewhere")
    monkeypatch.setenv("VO_FOLDER", "elsewhere")
    settings = load(_write(tmp_path))
    assert settings.node.base_url == "https://sims.example.org/vo"
    assert settings.limits.points == 10
    assert settings.folder == tmp_path.resolve()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (_NODE.replace("authority", "autority"), "node.autority: unknown key"),
        (_NODE.replace("authority", "autority"), "node.authority: missing"),
        (_NODE.replace("use =", "used ="), "providers.0.use: missing"),
        (_NODE.replace('"127.0.0.1/32"', '"localhost"'), "fetch.allow.0"),
        (_NODE + "[limit]\n", "limit: unknown key"),
        (_NODE + "[limits]\npoints = 0\n", "limits.points"),
        ('folder = "x"\n' + _NODE, "folder: unknown key"),
        (_NODE.replace('"MyLab"', '"My/Lab"'), "node.authority"),
        (_NODE.replace("[node]", '[node]\nbase_url = "ftp://a"'), "node.base_url"),
        (_NODE.replace("[node]", '[node]\nbase_url = "http://a?b"'), "node.base_url"),
        (_NODE + "[", "not valid TOML"),
    ],
)
def test_refusals_name_the_key(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(BadArgument) as caught:
        load(_write(tmp_path, text))
    assert reason in caught.value.message


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(BadArgument, match="cannot read"):
        load(tmp_path / "node.toml")
