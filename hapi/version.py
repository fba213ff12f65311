"""Versions of HAPI, and the mounts that speak them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """A version of the standard; versions compare."""

    major: int
    minor: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


V2_0, V2_1, V3_0 = Version(2, 0), Version(2, 1), Version(3, 0)
V3_1, V3_2, V3_3 = Version(3, 1), Version(3, 2), Version(3, 3)
VERSIONS = (V2_0, V2_1, V3_0, V3_1, V3_2, V3_3)


@dataclass(frozen=True, slots=True)
class Mount:
    """A path under which one version is spoken.

    lenient: takes the request names of all versions in any mix, and offers `about`.
    """

    path: str
    version: Version
    lenient: bool = False


MOUNTS = (
    Mount("/hapi", V2_0, lenient=True),
    *(Mount(f"/v{version}/hapi", version) for version in VERSIONS),
)


def mount_of(path: str) -> Mount:
    """Give the mount that a request's path lies under, the lenient one where there is none."""
    for mount in MOUNTS:
        if path == mount.path or path.startswith(f"{mount.path}/"):
            return mount
    return MOUNTS[0]
