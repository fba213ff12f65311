"""Tree: what a node serves in the IMPEx data model, and the configuration that names it.

Valid against versions 1.0.2 and 1.0.3 of the model. What the model cannot express, such as a
frame that it does not know, is left out and named in a comment.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from lxml import etree

from schemas.impex import IMPEX, REGION
from vo_server.errors import BadArgument
from vo_server.model.parameter import Parameter, vector_name
from vo_server.model.resource import Conditions, Kind, Resource
from vo_server.model.space import Box
from vo_server.model.time import parse_time, print_time
from vo_server.settings import Node

_CONFIGURATION = "http://www.impex.org/2012/configuration.xsd"

# CoordinateSystemName of the model by ours, where letters differ in case.
_FRAMES = {
    name.upper(): name
    for name in (
        *("CGM", "Carrington", "CSO", "DM", "GEI", "GEO", "GPHIO", "GSE", "GSEQ", "GSM", "HAE"),
        *("HCC", "HCI", "HCR", "HEE", "HEEQ", "HG", "HGI", "HPC", "HPR", "HSM", "J2000", "JSM"),
        *("JSO", "KSM", "KSO", "LGM", "MAG", "MFA", "MSO", "RTN", "SC", "SE", "SM", "SR", "SR2"),
        *("SSE", "SSE_L", "TIIS", "VSO", "WGS84"),
    )
}
# SimulationType by a word of a model's id or title.
_MODELS = (
    *((word, "Hybrid") for word in ("hybrid", "hyb", "lathys")),
    *((word, "MHD") for word in ("mhd", "gumics", "batsrus", "openggcm")),
    ("pic", "PIC"),
    ("paraboloid", "Paraboloid"),
)
# What a parameter is, by the name of its quantity: element, what it measures.
_FIELDS = {"B": "Magnetic", "E": "Electric", "J": "Current"}
_PARTICLES = {
    "U": "Velocity",
    "V": "Velocity",
    "Density": "NumberDensity",
    "n": "NumberDensity",
    "Temperature": "Temperature",
    "T": "Temperature",
    "Pressure": "Pressure",
    "P": "Pressure",
}
_MEASURED = {"B": "MagneticField", "E": "ElectricField"}
_SPECTRUM = "Ebin"
_FORMATS = {"nc": "NetCDF", "hc": "Binary"}


@dataclass(frozen=True, slots=True)
class _Tree:
    """One document while it is written; now: when it is, for what tells no date of its own."""

    node: Node
    now: np.datetime64

    @property
    def repository(self) -> str:
        return f"spase://{self.node.authority}/Repository/Node"

    def header(self, parent: Any, name: str, release: str | None, description: str) -> None:
        """Write a ResourceHeader."""
        header = _add(parent, "ResourceHeader")
        _add(header, "ResourceName", name)
        _add(header, "ReleaseDate", self._date(release))
        _add(header, "Description", description)
        if self.node.acknowledgement:
            _add(header, "Acknowledgement", self.node.acknowledgement)
        contact = _add(header, "Contact")
        person = self.node.contact.person or self.node.contact.name or self.node.authority
        _add(contact, "PersonID", person)
        _add(contact, "Role", "DataProducer")

    def model(self, root: Any, resource: Resource) -> str | None:
        """Write a SimulationModel; gives why not."""
        told = f"{resource.id} {resource.title}".lower()
        kind = next((kind for word, kind in _MODELS if word in told), None)
        if kind is None:
            return "its kind of simulation is not told"
        element = _add(root, "SimulationModel")
        _add(element, "ResourceID", resource.id)
        self.header(element, resource.title, resource.release_date, resource.title)
        _add(element, "SimulationType", kind)
        return None

    def run(self, root: Any, resource: Resource, outputs: Sequence[Resource]) -> str | None:
        """Write a SimulationRun; gives why not."""
        frame = _FRAMES.get(resource.frame.name) if resource.frame else None
        if frame is None or resource.body is None or resource.domain is None:
            return f"the data model has no frame {resource.frame}"
        element = _add(root, "SimulationRun")
        _add(element, "ResourceID", resource.id)
        self.header(element, resource.title, resource.release_date, resource.title)
        _add(_add(element, "Model"), "ModelID", resource.parent or "")
        snapshots = [snapshot for output in outputs for snapshot in output.snapshots]
        _add(element, "TemporalDependence", "Yes" if snapshots else "No")
        region = _region(resource.body.name)
        _add(element, "SimulatedRegion", region)
        _add(element, "LikelihoodRating", "Probable")
        time = _add(element, "SimulationTime")
        if snapshots:
            # Times of the data model have no date.
            moments = sorted(print_time(s.time) for s in snapshots if s.time is not None)
            _add(time, "Description", f"From {moments[0]} to {moments[-1]}")
        steps = [output.step for output in outputs if output.step is not None]
        _domain(_add(element, "SimulationDomain"), frame, resource.domain, steps)
        parameter = _add(element, "RegionParameter")
        _add(parameter, "SimulatedRegion", region)
        _add(parameter, "Radius", _number(resource.body.radius), Units="m")
        if len(resource.conditions) == 1:
            _wind(element, resource.conditions[0])
        return None

    def output(self, root: Any, resource: Resource) -> None:
        """Write a NumericalOutput."""
        element = _add(root, "NumericalOutput")
        _add(element, "ResourceID", resource.id)
        self.header(element, resource.title, resource.release_date, resource.title)
        access = _add(element, "AccessInformation")
        _add(access, "RepositoryID", self.repository)
        _add(_add(access, "AccessURL"), "URL", self.node.base_url)
        _add(access, "Format", _FORMATS.get(resource.source.rpartition(".")[2], "VOTable"))
        spectra = all(p.name.startswith(_SPECTRUM) for p in resource.parameters)
        quantities = {vector_name(p.name)[0] for p in resource.parameters}
        measured = {_MEASURED.get(quantity, "ThermalPlasma") for quantity in quantities}
        for name in ["EnergeticParticles"] if spectra else sorted(measured):
            _add(element, "MeasurementType", name)
        frame = _FRAMES.get(resource.frame.name) if resource.frame else None
        if frame is not None and resource.domain is not None:
            _space(_add(element, "SpatialDescription"), frame, resource.domain)
        if resource.body is not None:
            _add(element, "SimulatedRegion", _region(resource.body.name))
        _add(element, "InputResourceID", resource.parent or "")
        for group in _grouped(resource.parameters):
            _parameter(_add(element, "Parameter"), group, resource.population)
        _add(element, "SimulationProduct", "Spectra" if spectra else "3DCubes")
        if resource.snapshots:
            _snapshots(_add(element, "Property"), resource)

    def _date(self, release: str | None) -> str:
        try:
            moment = parse_time(release) if release else self.now
        except BadArgument:
            moment = self.now
        return print_time(moment).removesuffix("Z")


def tree(node: Node, resources: Sequence[Resource], now: np.datetime64) -> bytes:
    """Give the tree of models, runs and outputs; now: when this is."""
    nsmap: Any = {None: IMPEX}
    root = etree.Element(f"{{{IMPEX}}}Spase", nsmap=nsmap)
    _add(root, "Version", "2.2.2")
    writer = _Tree(node, now)
    repository = _add(root, "Repository")
    _add(repository, "ResourceID", writer.repository)
    writer.header(repository, node.title, None, node.title)
    _add(_add(repository, "AccessURL"), "URL", node.base_url)
    for resource in resources:
        why = None
        if resource.kind is Kind.MODEL:
            why = writer.model(root, resource)
        elif resource.kind is Kind.RUN:
            outputs = [r for r in resources if r.kind is Kind.OUTPUT and r.parent == resource.id]
            why = writer.run(root, resource, outputs)
        elif resource.kind is Kind.OUTPUT:
            writer.output(root, resource)
        if why is not None:
            told = f" left out: {resource.id}: {why} ".replace("--", "-")
            root.append(etree.Comment(told))
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def configuration(node: Node, methods: Sequence[str], tree_path: str) -> bytes:
    """Give the configuration.xml that an IMPEx portal reads.

    methods: paths of the descriptions of services; tree_path: path of the tree, below the host.
    """
    nsmap: Any = {None: _CONFIGURATION}
    root = etree.Element(f"{{{_CONFIGURATION}}}impexconfiguration", nsmap=nsmap)
    address = urlsplit(node.base_url)

    def add(parent: Any, tag: str, text: str = "", **attributes: str) -> Any:
        element = etree.SubElement(parent, f"{{{_CONFIGURATION}}}{tag}", attributes)
        element.text = text or None
        return element

    told = {"id": f"spase://{node.authority}/Repository/Node", "type": "simulation"}
    database = add(root, "database", **told, portal="true")
    add(database, "name", node.authority)
    add(database, "description", node.title)
    add(database, "dns", address.netloc)
    for path in methods:
        add(database, "methods", f"{address.path}{path}")
    add(database, "tree", f"{address.path}{tree_path}")
    add(database, "protocol", address.scheme)
    add(database, "info", node.base_url)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _add(parent: Any, tag: str, text: str = "", **attributes: str) -> Any:
    element = etree.SubElement(parent, f"{{{IMPEX}}}{tag}", attributes)
    element.text = "".join(c if c.isprintable() else " " for c in text) or None
    return element


def _number(value: float) -> str:
    return f"{value:.15g}"


def _corner(numbers: Sequence[float]) -> str:
    return " ".join(_number(number) for number in numbers)


def _snapshots(element: Any, resource: Resource) -> None:
    """Tell what is put behind the id of an output that changes, for each of its snapshots."""
    _add(element, "Name", "Snapshots")
    _add(element, "Description", "One of these behind ResourceID? is the output at that time")
    _add(element, "PropertyQuantity", "Temporal")
    stamps = [snapshot.id.rpartition("?")[2] for snapshot in resource.snapshots]
    _add(element, "PropertyValue", " ".join(stamps))


def _region(body: str) -> str:
    """Give the model's name of a body, Planet where it has none."""
    return next((name for name in REGION.values if name.casefold() == body.casefold()), "Planet")


def _system(parent: Any, frame: str) -> None:
    system = _add(parent, "CoordinateSystem")
    _add(system, "CoordinateRepresentation", "Cartesian")
    _add(system, "CoordinateSystemName", frame)


def _domain(domain: Any, frame: str, box: Box, steps: Sequence[float]) -> None:
    _system(domain, frame)
    _add(domain, "SpatialDimension", "3")
    _add(domain, "Units", "m")
    _add(domain, "CoordinatesLabel", "X Y Z")
    _add(domain, "ValidMin", _corner(box.lower))
    _add(domain, "ValidMax", _corner(box.upper))
    if steps:
        _add(domain, "GridStructure", "Smallest cell")
        _add(domain, "GridCellSize", _corner([min(steps)] * 3))


def _space(space: Any, frame: str, box: Box) -> None:
    _add(space, "Dimension", "3")
    _system(space, frame)
    _add(space, "Units", "m")
    _add(space, "CoordinatesLabel", "X Y Z")
    _add(space, "RegionBegin", _corner(box.lower))
    _add(space, "RegionEnd", _corner(box.upper))


def _wind(run: Any, conditions: Conditions) -> None:
    """Write the solar wind under the names that FMI's ranking of runs looks for."""
    if conditions.magnetic_field is not None:
        field = _add(run, "InputField")
        _add(field, "Name", "IMF")
        _add(field, "SimulatedRegion", "Heliosphere")
        _add(field, "FieldQuantity", "Magnetic")
        _add(field, "Units", "T")
        _add(field, "InputLabel", "Bx By Bz")
        _add(field, "FieldValue", _corner(conditions.magnetic_field))
    known = [
        (tag, value, unit)
        for tag, value, unit in (
            ("PopulationDensity", conditions.density, "m^-3"),
            ("PopulationTemperature", conditions.temperature, "K"),
            ("PopulationFlowSpeed", conditions.speed, "m/s"),
        )
        if value is not None
    ]
    if known:
        population = _add(run, "InputPopulation")
        _add(population, "Name", "solarwind_H+")
        _add(population, "SimulatedRegion", "Heliosphere")
        _add(population, "ParticleType", "Proton")
        for tag, value, unit in known:
            _add(population, tag, _number(value), Units=unit)


def _grouped(parameters: Sequence[Parameter]) -> Iterator[list[Parameter]]:
    """Give parameters one by one, the components of a vector together where the first stands."""
    names = {p.name: p for p in parameters}
    done: set[str] = set()
    for parameter in parameters:
        if parameter.name in done:
            continue
        quantity, component = vector_name(parameter.name)
        vector = [f"{quantity}{axis}" for axis in "xyz"]
        whole = component in ("x", "y", "z") and set(vector) <= names.keys()
        group = vector if whole else [parameter.name]
        done.update(group)
        yield [names[name] for name in group]


def _parameter(element: Any, group: Sequence[Parameter], population: str | None) -> None:
    first = group[0]
    quantity, component = vector_name(first.name)
    _add(element, "Name", quantity if len(group) > 1 else first.name)
    _add(element, "ParameterKey", ",".join(p.name for p in group))
    if first.description:
        _add(element, "Description", first.description)
    if first.unit:
        _add(element, "Units", first.unit)
    qualifier = "Vector" if len(group) > 1 else {"tot": "Total"}.get(component, "")
    if quantity in _FIELDS:
        field = _add(element, "Field")
        if qualifier:
            _add(field, "Qualifier", qualifier)
        _add(field, "FieldQuantity", _FIELDS[quantity])
        return
    known = "NumberFlux" if first.name.startswith(_SPECTRUM) else _PARTICLES.get(quantity)
    if known is None:
        _add(_add(element, "Support"), "SupportQuantity", "Other")
        return
    particle = _add(element, "Particle")
    if population:
        _add(particle, "PopulationID", population)
    _add(particle, "ParticleType", "Proton" if population in ("H+", "proton") else "Ion")
    if qualifier:
        _add(particle, "Qualifier", qualifier)
    _add(particle, "ParticleQuantity", known)
