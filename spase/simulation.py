"""Simulation: the records of a node's models, runs, outputs, and of virtual spacecraft in them."""

from collections.abc import Iterator, Sequence

import numpy as np

from schemas.impex import IMPEX
from spase.element import each, element, numbers
from spase.header import House, region
from spase.quantity import coordinates, is_spectra, magnitude, measured, names_of, parameters
from spase.record import Node
from spase.temporal import description
from vo_server.errors import BadArgument
from vo_server.model.resource import Conditions, Resource
from vo_server.model.space import Box
from vo_server.model.time import print_time

# ModelType by a word of a model's id or title, where run.toml does not tell it.
_METHODS = (
    *((word, "Hybrid") for word in ("hybrid", "hyb", "lathys")),
    *((word, "MHD") for word in ("mhd", "gumics", "batsrus", "openggcm")),
    ("pic", "PIC"),
    ("paraboloid", "Paraboloid"),
)
_AXES = "X Y Z"


def method(model: Resource) -> str | None:
    """Give how a model computes in the words of SPASE; None where that is not told."""
    if model.method is not None:
        return names_of("ModelType").get(model.method.casefold())
    words = f"{model.id} {model.title}".lower()
    return next((kind for word, kind in _METHODS if word in words), None)


def model_record(house: House, model: Resource) -> Node:
    """Give the Model; raises BadArgument where SPASE has no word for how it computes."""
    kind = method(model)
    if kind is None and model.method:
        raise BadArgument(f"SPASE has no ModelType {model.method}", argument=model.id)
    if kind is None:
        raise BadArgument(
            "its kind of simulation is not told; give model_type in run.toml", argument=model.id
        )
    return element(
        "Model",
        element("ResourceID", model.id),
        house.header(model.title, house.released(model), model.title),
        element("ModelType", kind),
    )


def run_record(
    house: House, run: Resource, outputs: Sequence[Resource], model: Resource | None
) -> Node:
    """Give the ModelRun; model: where it has a record of its own."""
    assert run.body is not None
    where = region(run.body.name)
    frame = _frame(run)
    steps = [output.step for output in outputs if output.step is not None]
    moments = sorted(s.time for output in outputs for s in output.snapshots if s.time is not None)
    return element(
        "ModelRun",
        element("ResourceID", run.id),
        house.header(run.title, house.released(run), run.title),
        element("ModelSpecification", element("ModelID", model.id)) if model else None,
        element("TemporalDependence", "Yes" if moments else "No"),
        element("ModeledRegion", where),
        None if frame else element("Caveats", f"SPASE has no name for its frame {run.frame}."),
        _time(moments[0], moments[-1]) if moments else None,
        _domain(frame, run.domain, steps) if frame and run.domain else None,
        element(
            "RegionParameter",
            element("ModeledRegion", where),
            magnitude("Radius", run.body.radius, "m"),
        ),
        *(_wind(run.conditions[0]) if len(run.conditions) == 1 else []),
        None if model else _extension(element("Model", element("ModelID", run.parent or ""))),
    )


def output_record(house: House, output: Resource) -> Node:
    """Give the NumericalOutput; raises BadArgument where nothing serves it."""
    services = [link for link in house.links(output) if link.role == "service"]
    if not services:
        raise BadArgument("no front of the node serves it", argument=output.id)
    spectra = is_spectra(output.parameters)
    frame = _frame(output)
    place = _space(frame, output.domain) if frame and output.domain else None
    return element(
        "NumericalOutput",
        element("ResourceID", output.id),
        house.header(output.title, house.released(output), output.title),
        *house.access(services),
        *each("MeasurementType", measured(output.parameters) or ["ThermalPlasma"]),
        *(element("ModeledRegion", region(output.body.name)) for _ in [1] if output.body),
        element("InputResourceID", output.parent or output.id),
        *parameters(output.parameters, output.population),
        element("ModelProduct", "Spectra" if spectra else "3DCubes"),
        _snapshots(output) if output.snapshots else None,
        _extension(place) if place else None,
    )


def flight_record(house: House, flight: Resource, output: Resource) -> Node:
    """Give the NumericalOutput of an output along an orbit; raises BadArgument, see above."""
    services = [link for link in house.links(flight) if link.role == "service"]
    if not services or flight.series is None:
        raise BadArgument("no front of the node serves it", argument=flight.id)
    return element(
        "NumericalOutput",
        element("ResourceID", flight.id),
        house.header(flight.title, house.released(output), flight.series.description),
        *house.access(services),
        *each("MeasurementType", measured(flight.parameters) or ["ThermalPlasma"]),
        description(flight.series),
        *(element("ModeledRegion", region(flight.body.name)) for _ in [1] if flight.body),
        element("InputResourceID", output.id),
        *parameters(flight.parameters, output.population),
        _extension(element("SimulationProduct", "TimeSeries")),
    )


def snapshot_records(house: House, output: Resource) -> Iterator[Node]:
    """Give the Granule of each snapshot whose file can be had somewhere; see also below."""
    for snapshot in output.snapshots:
        if snapshot.url and snapshot.time is not None and snapshot.domain is not None:
            name = snapshot.id.rpartition("?")[2]
            when = (snapshot.time, snapshot.time)
            yield _granule(house, output, name, output.id, when, snapshot.url)


def granule_record(house: House, flight: Resource, output: Resource) -> Node | None:
    """Give the Granule of a virtual spacecraft; None where it cannot be downloaded as a file."""
    file = next((link for link in house.links(flight) if link.role == "file"), None)
    if file is None or flight.series is None or output.domain is None:
        return None
    series = flight.series
    when = (series.coverage.start, series.coverage.stop)
    return _granule(house, output, series.name, flight.id, when, file.url)


def _granule(
    house: House,
    output: Resource,
    name: str,
    parent: str,
    when: tuple[np.datetime64, np.datetime64],
    url: str,
) -> Node:
    """Give the Granule of a file with values of an output; parent: id of what it is part of."""
    assert output.domain is not None
    authority, _, path = output.id.partition("://")[2].partition("/")
    return element(
        "Granule",
        element("ResourceID", f"spase://{authority}/Granule/{path.partition('/')[2]}/{name}"),
        element("ReleaseDate", print_time(house.released(output))),
        element("ParentID", parent),
        element("StartDate", print_time(when[0])),
        element("StopDate", print_time(when[1])),
        element("Source", element("SourceType", "Data"), element("URL", url)),
        element("RegionBegin", numbers(output.domain.lower)),
        element("RegionEnd", numbers(output.domain.upper)),
    )


def _frame(resource: Resource) -> str | None:
    if resource.frame is None:
        return None
    return names_of("CoordinateSystemName").get(resource.frame.name.casefold())


def _time(first: np.datetime64, last: np.datetime64) -> Node:
    """Give the time that a run covers; of times with a date the model has only a description."""
    text = f"From {print_time(first)} to {print_time(last)}"
    return element("ModelTime", element("Description", text))


def _snapshots(output: Resource) -> Node:
    """Give what is put behind the id of an output that changes, for each of its snapshots."""
    stamps = [snapshot.id.rpartition("?")[2] for snapshot in output.snapshots]
    return element(
        "Property",
        element("Name", "Snapshots"),
        element("Description", "One of these behind ResourceID? is the output at that time"),
        element("PropertyQuantity", "Temporal"),
        element("PropertyValue", " ".join(stamps)),
    )


def _domain(frame: str, box: Box, steps: Sequence[float]) -> Node:
    return element(
        "ModelDomain",
        coordinates(frame),
        element("SpatialDimension", "3"),
        element("Units", "m"),
        element("CoordinatesLabel", _AXES),
        element("ValidMin", numbers(box.lower)),
        element("ValidMax", numbers(box.upper)),
        element("GridStructure", "Smallest cell") if steps else None,
        element("GridCellSize", numbers([min(steps)] * 3)) if steps else None,
    )


def _space(frame: str, box: Box) -> Node:
    return element(
        "SpatialDescription",
        element("Dimension", "3"),
        coordinates(frame),
        element("Units", "m"),
        element("CoordinatesLabel", _AXES),
        element("RegionBegin", numbers(box.lower)),
        element("RegionEnd", numbers(box.upper)),
    )


def _extension(node: Node) -> Node:
    """Give what SPASE has no valid words for, in those of IMPEx."""
    return element("Extension", node.within(IMPEX))


def _wind(wind: Conditions) -> list[Node]:
    """Give the solar wind under the names that IMPEx's ranking of runs looks for."""
    told: list[Node] = []
    if wind.magnetic_field is not None:
        told.append(
            element(
                "InputField",
                element("Name", "IMF"),
                element("ModeledRegion", "Heliosphere"),
                element("FieldQuantity", "Magnetic"),
                element("Units", "T"),
                element("InputLabel", "Bx By Bz"),
                element("FieldValue", numbers(wind.magnetic_field)),
            )
        )
    known = (
        magnitude("PopulationDensity", wind.density, "m^-3"),
        magnitude("PopulationTemperature", wind.temperature, "K"),
        magnitude("PopulationFlowSpeed", wind.speed, "m/s"),
    )
    if any(known):
        told.append(
            element(
                "InputPopulation",
                element("Name", "solarwind_H+"),
                element("ModeledRegion", "Heliosphere"),
                element("ParticleType", "Proton"),
                *known,
            )
        )
    if wind.solar_flux is not None:
        told.append(
            element(
                "InputParameter",
                element("Name", "SolarFlux"),
                element("ModeledRegion", "Heliosphere"),
                element("ParameterQuantity", "ActivityIndex"),
                element(
                    "Property",
                    element("Name", "Solar flux at 10.7 cm"),
                    element("PropertyQuantity", "SolarUVFlux"),
                    element("Units", "W m^-2 Hz^-1"),
                    element("PropertyValue", numbers((wind.solar_flux,))),
                ),
            )
        )
    return told
