"""Settings: the node file, completed and overruled by `VO_` environment variables."""

import re
import tomllib
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from threading import Event
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from vo_server.budget import Budget
from vo_server.errors import BadArgument
from vo_server.model.run import Duration, Text, explain

Network = IPv4Network | IPv6Network
Positive = Annotated[int, Field(gt=0)]


def _base_url(text: str) -> str:
    """Take a URL that paths are added to, without the slash at its end."""
    stripped = text.rstrip("/")
    if re.fullmatch(r"https?://[^/?#\s]+(/[^?#\s]+)?", stripped) is None:
        raise ValueError("must look like https://host or https://host/path")
    return stripped


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Contact(_Section):
    """Whom to ask about the node."""

    person: Text | None = None
    name: Text = ""
    email: Text = ""


class Node(_Section):
    """What the node is and where it is reached."""

    authority: str = Field(pattern=r"^[A-Za-z0-9_.-]+$")
    title: Text = "Simulations"
    base_url: Annotated[str, AfterValidator(_base_url)] = "http://127.0.0.1:8000"
    state_dir: Path = Path("state")
    private_network: bool = False
    license: Text = ""
    acknowledgement: Text = ""
    contact: Contact = Contact()


class Fetch(_Section):
    """Which addresses client-given URLs may reach besides public ones."""

    allow: tuple[Network, ...] = ()
    ports: tuple[int, ...] = (80, 443)
    seconds: float = Field(30.0, gt=0)
    bytes: Positive = 67_108_864
    redirects: int = Field(3, ge=0, le=10)


class Limits(_Section):
    """What one request may ask for."""

    points: Positive = 1_000_000
    lines: Positive = 10_000
    steps: Positive = 100_000
    bytes: Positive = 268_435_456
    seconds: float = Field(60.0, gt=0)
    concurrent: Positive = 8

    def budget(self, stop: Event | None = None) -> Budget:
        """Start the budget of one request; `stop` ends it when the node goes down."""
        return Budget(
            self.points, self.lines, self.steps, self.bytes, self.seconds, stop or Event()
        )


class Results(_Section):
    """How long results are kept, and how much room they may take."""

    days: float = Field(30.0, gt=0)
    max_bytes: Positive = 10_737_418_240


class Flight(_Section):
    """Further virtual spacecraft: which outputs along which orbits, how often and how sampled.

    output, orbit: ids, in which `*` stands for anything; cadence: the orbit's own where it is left
    out; name: of the dataset, where one is meant.
    """

    output: Text = "*"
    orbit: Text = "*"
    cadence: Duration | None = None
    method: Literal["linear", "nearest"] = "linear"
    name: str | None = Field(None, pattern=r"^[A-Za-z_][A-Za-z0-9_]{1,26}$")


class Flights(_Section):
    """Virtual spacecraft; serve: each output along each orbit that fits, by itself."""

    serve: bool = True
    more: tuple[Flight, ...] = ()


class Plugin(BaseModel):
    """One `[[providers]]` or `[[fronts]]` table; its further keys are the plug-in's own options."""

    model_config = ConfigDict(extra="allow", frozen=True)
    use: str

    def options(self) -> dict[str, Any]:
        """Give the keys meant for the plug-in."""
        return dict(self.model_extra or {})


class Source(Plugin):
    """One `[[harvest]]` table: a source of records, and how often it is asked."""

    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    every: Duration = "1 d"


def _told_apart(sources: tuple[Source, ...]) -> tuple[Source, ...]:
    """Refuse two sources of one name, and the name that the node has for itself."""
    names = [source.name for source in sources]
    if wrong := {name for name in names if names.count(name) > 1 or name == "node"}:
        raise ValueError(f"{', '.join(sorted(wrong))}: each source wants a name of its own")
    return sources


class Settings(BaseSettings):
    """The whole node file.

    folder: where relative paths of the file start, the file's own folder.
    """

    model_config = SettingsConfigDict(
        env_prefix="VO_", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    node: Node
    providers: tuple[Plugin, ...] = ()
    fronts: tuple[Plugin, ...] = ()
    harvest: Annotated[tuple[Source, ...], AfterValidator(_told_apart)] = ()
    fetch: Fetch = Fetch()
    limits: Limits = Limits()
    results: Results = Results()
    flights: Flights = Flights()
    folder: Path = Path()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment overrule the file; names without `__` are no settings."""
        assert isinstance(env_settings, EnvSettingsSource)
        env_settings.env_vars = {k: v for k, v in env_settings.env_vars.items() if "__" in k}
        return (env_settings, init_settings)

    @property
    def state(self) -> Path:
        """Folder of everything the node writes."""
        return self.folder / self.node.state_dir


def load(path: Path) -> Settings:
    """Read a node file; raises BadArgument naming every wrong key."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as err:
        raise BadArgument(f"cannot read {path}: {err.strerror}", argument="config") from err
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as err:
        raise BadArgument(f"{path} is not valid TOML: {err}", argument="config") from err
    if "folder" in content:
        raise BadArgument(f"{path}: folder: unknown key", argument="config")
    try:
        return Settings(**content, folder=path.resolve().parent)
    except ValidationError as err:
        raise BadArgument(f"{path}: {explain(err)}", argument="config") from err
