"""Quantity: what a parameter is in the words of SPASE: a field, of particles, or a support."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from schemas.model import model
from schemas.simple_type import SimpleType
from spase.element import each, element, number, told
from spase.record import Node
from vo_server.model.parameter import Parameter, vector_name

NEWEST = "spase-2.7.1"


@dataclass(frozen=True, slots=True)
class Quantity:
    """element: Field, Particle or Support; word: its quantity; measured: MeasurementType."""

    element: str
    word: str
    measured: str = ""


_DENSITY = Quantity("Particle", "NumberDensity", "ThermalPlasma")
_POSITION = Quantity("Support", "Positional", "Ephemeris")
_TIME = Quantity("Support", "Temporal")
_OTHER = Quantity("Support", "Other")
_SPECTRUM = Quantity("Particle", "NumberFlux", "EnergeticParticles")

# By the first word of a UCD.
_BY_UCD = {
    "phys.magfield": Quantity("Field", "Magnetic", "MagneticField"),
    "phys.electfield": Quantity("Field", "Electric", "ElectricField"),
    "phys.current.density": Quantity("Field", "CurrentDensity"),
    "phys.density": _DENSITY,
    "phys.veloc": Quantity("Particle", "Velocity", "ThermalPlasma"),
    "phys.temperature": Quantity("Particle", "Temperature", "ThermalPlasma"),
    "phys.pressure": Quantity("Particle", "Pressure", "ThermalPlasma"),
    "pos.cartesian": _POSITION,
    "pos.cartesian.x": _POSITION,
    "pos.cartesian.y": _POSITION,
    "pos.cartesian.z": _POSITION,
    "pos.bodyrc": _POSITION,
    "time": _TIME,
    "time.epoch": _TIME,
    "meta.code.qual": Quantity("Support", "DataQuality"),
}
# By the name of a quantity, where there is no UCD.
_BY_NAME = {
    "B": _BY_UCD["phys.magfield"],
    "E": _BY_UCD["phys.electfield"],
    "J": _BY_UCD["phys.current.density"],
    "U": _BY_UCD["phys.veloc"],
    "V": _BY_UCD["phys.veloc"],
    "Density": _DENSITY,
    "n": _DENSITY,
    "Temperature": _BY_UCD["phys.temperature"],
    "T": _BY_UCD["phys.temperature"],
    "Pressure": _BY_UCD["phys.pressure"],
    "P": _BY_UCD["phys.pressure"],
    "Time": _TIME,
    "Position": _POSITION,
    "Status": _BY_UCD["meta.code.qual"],
}
_ENERGIES = "Ebin"  # names of the bins of a spectrum begin so
_MASS = ("kg/m3", "kg.m-3", "kg m-3", "g/cm3")
# ParticleType by a word of the population; what is none of them is an ion.
_TYPES = (("H+", "Proton"), ("proton", "Proton"), ("e-", "Electron"), ("electron", "Electron"))
_AXES = ("x", "y", "z")
_COMPONENTS = ("Component.I", "Component.J", "Component.K")


def names_of(enumeration: str) -> dict[str, str]:
    """Give the values of an enumeration of the newest model by their names in small letters."""
    kind = model(NEWEST).type(enumeration)
    assert isinstance(kind, SimpleType)
    return {value.casefold(): value for value in kind.values}


def quantity_of(parameter: Parameter) -> Quantity:
    """Tell what a parameter is, by its UCD and else by its usual name."""
    if parameter.name.startswith(_ENERGIES):
        return _SPECTRUM
    first = (parameter.ucd or "").partition(";")[0].strip().casefold()
    if first in _BY_UCD:
        found = _BY_UCD[first]
        if found is _DENSITY and parameter.unit in _MASS:
            return Quantity("Particle", "MassDensity", found.measured)
        return found
    if first:
        return _OTHER
    return _BY_NAME.get(vector_name(parameter.name)[0], _OTHER)


def is_spectra(parameters: Sequence[Parameter]) -> bool:
    """Tell whether parameters are the bins of one spectrum."""
    return bool(parameters) and all(p.name.startswith(_ENERGIES) for p in parameters)


def measured(parameters: Sequence[Parameter]) -> list[str]:
    """Give what is measured, MeasurementTypes in the order of the alphabet."""
    return sorted({quantity_of(p).measured for p in parameters} - {""})


def parameters(columns: Sequence[Parameter], population: str | None = None) -> Iterator[Node]:
    """Give the Parameter of each column, one for the three components of a vector."""
    for group in _grouped(columns):
        yield _parameter(group, population)


def _grouped(columns: Sequence[Parameter]) -> Iterator[list[Parameter]]:
    """Give parameters one by one, the components of a vector together where the first stands."""
    names = {p.name: p for p in columns}
    done: set[str] = set()
    for parameter in columns:
        if parameter.name in done:
            continue
        quantity, component = vector_name(parameter.name)
        vector = [f"{quantity}{axis}" for axis in _AXES]
        whole = component in _AXES and set(vector) <= names.keys()
        group = vector if whole else [parameter.name]
        done.update(group)
        yield [names[name] for name in group]


def _parameter(group: Sequence[Parameter], population: str | None) -> Node:
    first = group[0]
    quantity, component = vector_name(first.name)
    frame = names_of("CoordinateSystemName").get((first.frame or "").casefold())
    is_vector = len(group) > 1 or len(first.components) == len(_AXES)
    qualifier = "Vector" if is_vector else {"tot": "Total"}.get(component, "")
    return element(
        "Parameter",
        element("Name", first.label or (quantity if len(group) > 1 else first.name)),
        element("ParameterKey", ",".join(p.name for p in group)),
        told("Description", _description(group)),
        told("UCD", first.ucd),
        told("Units", first.unit),
        coordinates(frame) if frame else None,
        _structure(first),
        told("FillValue", first.fill),
        _entity(quantity_of(first), qualifier, population),
    )


def _description(group: Sequence[Parameter]) -> str:
    """Give what describes a parameter, or a vector as a whole by what its components share."""
    texts = [parameter.description for parameter in group]
    if len(group) == 1 or not any(texts):
        return texts[0]
    shared = {text.removesuffix(f", {a}") for text, a in zip(texts, _AXES, strict=True)}
    whole = shared.pop() if len(shared) == 1 else "; ".join(filter(None, texts))
    return f"{whole}; components {', '.join(parameter.name for parameter in group)}"


def coordinates(frame: str) -> Node:
    """Give the CoordinateSystem of a frame by its SPASE name, with Cartesian axes."""
    return element(
        "CoordinateSystem",
        element("CoordinateRepresentation", "Cartesian"),
        element("CoordinateSystemName", frame),
    )


def _structure(column: Parameter) -> Node | None:
    """Give the elements of a column that has more than one a record."""
    if not column.shape or -1 in column.shape:
        return None
    names = column.labels or column.components
    elements = []
    if len(column.shape) == 1 and len(names) == column.shape[0]:
        elements = [
            element(
                "Element",
                element("Name", name),
                element("Qualifier", _COMPONENTS[i])
                if len(column.components) == len(_COMPONENTS)
                else None,
                element("Index", str(i + 1)),
            )
            for i, name in enumerate(names)
        ]
    return element("Structure", element("Size", " ".join(map(str, column.shape))), *elements)


def _entity(quantity: Quantity, qualifier: str, population: str | None) -> Node:
    qualifiers = each("Qualifier", [qualifier] if qualifier else [])
    if quantity.element != "Particle":
        return element(
            quantity.element, *qualifiers, element(f"{quantity.element}Quantity", quantity.word)
        )
    kind = next((name for word, name in _TYPES if word in (population or "")), "Ion")
    return element(
        "Particle",
        element("ParticleType", kind),
        *qualifiers,
        element("ParticleQuantity", quantity.word),
        told("Population", population),
    )


def magnitude(name: str, value: float | None, unit: str) -> Node | None:
    """Give an element of a number and its unit, None where there is no number."""
    return None if value is None else element(name, f"{number(value)} {unit}")
