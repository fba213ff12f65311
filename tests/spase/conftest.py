"""What the tests of SPASE share: a small record, and every real document."""

import gzip
from pathlib import Path

import pytest

GOOD = b"""<?xml version="1.0" encoding="UTF-8"?>
<Spase xmlns="http://www.spase-group.org/data/schema" lang="en">
  <Version>2.7.1</Version>
  <NumericalData>
    <ResourceID>spase://Own/NumericalData/Probe/MAG/PT1M</ResourceID>
    <ResourceHeader>
      <ResourceName>Field at a probe</ResourceName>
      <ReleaseDate>2026-01-01T00:00:00Z</ReleaseDate>
      <Description>Minutes.</Description>
      <Contact>
        <PersonID>spase://Own/Person/Ada</PersonID>
        <Role>PrincipalInvestigator</Role>
      </Contact>
    </ResourceHeader>
    <AccessInformation>
      <RepositoryID>spase://Other/Repository/Store</RepositoryID>
      <AccessURL>
        <URL>https://example.org/hapi</URL>
        <Style>HAPI</Style>
        <ProductKey>probe-mag</ProductKey>
      </AccessURL>
      <Format>CSV</Format>
    </AccessInformation>
    <MeasurementType>MagneticField</MeasurementType>
    <TemporalDescription>
      <TimeSpan>
        <StartDate>2020-01-01T00:00:00Z</StartDate>
        <StopDate>2021-01-01T00:00:00Z</StopDate>
      </TimeSpan>
      <Cadence>PT1M</Cadence>
    </TemporalDescription>
    <Parameter>
      <Name>B</Name>
      <ParameterKey>b</ParameterKey>
      <Units>nT</Units>
      <Field>
        <FieldQuantity>Magnetic</FieldQuantity>
      </Field>
    </Parameter>
    <Parameter>
      <Name>B again</Name>
      <ParameterKey>c</ParameterKey>
      <Field>
        <FieldQuantity>Magnetic</FieldQuantity>
      </Field>
    </Parameter>
  </NumericalData>
</Spase>
"""


@pytest.fixture(scope="session")
def good() -> bytes:
    """A record with nothing wrong, in the layout of what is written here."""
    return GOOD


@pytest.fixture(scope="session")
def real(shared: Path) -> dict[str, bytes]:
    """Every real tree and record by its path."""
    files = sorted((shared / "standards/impex/trees/").rglob("*.xml*"))
    files += sorted((shared / "standards/spase/records/").rglob("*.xml"))
    files += sorted((shared / "standards/spase/quirky/").rglob("*.xml"))
    found = {}
    for path in files:
        content = path.read_bytes()
        packed = path.suffix == ".gz"
        found[str(path.relative_to(shared))] = gzip.decompress(content) if packed else content
    return found
