"""Spectra: energy spectra of an output along a trajectory, as a stream of table blocks."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from interpolation.status import Status
from vo_server.budget import Budget
from vo_server.errors import BadArgument, UnknownParameter, WrongFrame
from vo_server.model.parameter import Parameter
from vo_server.model.request import SpectraRequest, in_time
from vo_server.model.table import Constant, Header, Table
from vo_server.ports import Field, FieldSource, SpectraField
from vo_server.sampling import (
    constants,
    describe_input,
    describe_resource,
    in_frame,
    moments_of,
    positions_frame,
    status_notes,
    table_name,
)
from vo_server.snapshots import Rows, Sampled, describe_times, open_along
from vo_server.units import ELEMENTARY_CHARGE

_BLOCK = 4_096
_ADJOINING = 1e-6  # relative distance of edges, written with few digits, that are one edge


def bins(wanted: Sequence[str], count: int, *, argument: str) -> list[int]:
    """Give the energy bins that channels Ch0, Ch1, ... name, all where none is named.

    Raises BadArgument naming the last channel there is.
    """
    known = {f"ch{i}": i for i in range(count)}
    chosen = []
    for name in wanted:
        number = known.get(name.casefold())
        if number is None:
            raise BadArgument(
                f"{argument} '{name[:40]}' is no channel; there are Ch0 to Ch{count - 1}",
                argument=argument,
            )
        chosen.append(number)
    return sorted(set(chosen)) or list(range(count))


def fly_spectra(
    request: SpectraRequest,
    source: FieldSource,
    budget: Budget,
    *,
    argument: str = "trajectory",
) -> Iterator[Table]:
    """Sample spectra along a trajectory: its own columns first, then the flux of each bin.

    The column ParticleFlux has one number for each chosen channel, the constants EnergyLow and
    EnergyHigh the edges of each in eV; where channels adjoin, EnergyRange comes before them with
    all edges in order, as FMI's service gave them. Raises UnknownParameter where the output has
    no spectra; TooMuch, WrongFrame, BadArgument and what the provider raises, before the first
    block.
    """
    resource, trajectory = request.resource, request.trajectory
    budget.allow("points", len(trajectory), argument=argument)
    if resource.frame is None:
        raise WrongFrame(f"{resource.id} has no frame", argument=argument)
    points = in_frame(trajectory, resource.frame, argument=argument)
    names = [parameter.name for parameter in resource.parameters]
    first = resource.snapshots[0] if resource.snapshots else resource
    with source.field(first, names) as field:
        if not isinstance(field, SpectraField):
            raise UnknownParameter(f"{resource.id} has no energy spectra")
        chosen = bins(request.channels, len(field.energies), argument="EnergyChannel")
        budget.allow("points", len(trajectory) * len(chosen), argument=argument)
        header = _header(request, field.energies[chosen])

    def spectra_at(field: Field, rows: Rows) -> Sampled:
        assert isinstance(field, SpectraField)
        flux, status = field.spectra(points[rows], request.method)
        return flux.T, status

    moments = moments_of(trajectory, argument=argument) if resource.snapshots else None
    join = in_time(request.method)
    with open_along(source, resource, names, moments, join, argument=argument) as opened:
        counts = np.zeros(max(Status) + 1, int)
        for start in range(0, max(len(points), 1), _BLOCK):
            budget.spend()
            block = slice(start, start + _BLOCK)
            with budget.at_work():
                flux, status = opened.sample(block, spectra_at)
            counts += np.bincount(status, minlength=len(counts))
            columns = (*(c[block] for c in trajectory.table.columns), flux.T[:, chosen])
            last = start + _BLOCK >= len(points)
            yield Table(header, columns, status_notes(counts) if last else ())


def _header(request: SpectraRequest, energies: NDArray[np.float64]) -> Header:
    resource, trajectory = request.resource, request.trajectory
    flux = replace(
        resource.parameters[0],
        name="ParticleFlux",
        ucd="phys.flux",
        description="particle flux in each energy channel",
        shape=(len(energies),),
    )
    edges = energies / ELEMENTARY_CHARGE
    lines = [
        *describe_resource(resource, positions_frame(trajectory, resource)),
        f"Interpolation: {request.method}",
        *describe_times(resource, in_time(request.method)),
        describe_input(trajectory, resource),
    ]
    return Header(
        (*trajectory.table.header.parameters, flux),
        name=table_name(resource),
        description="\n".join(lines),
        constants=(*_channels(edges), *constants(trajectory, resource)),
        rows=len(trajectory),
    )


def _channels(edges: NDArray[np.float64]) -> Iterator[Constant]:
    """Give the edges (n, 2) of channels in eV; as one row of n + 1 too where they adjoin."""
    low, high = edges.T
    if np.allclose(high[:-1], low[1:], rtol=_ADJOINING, atol=0.0):
        yield _edges("EnergyRange", np.append(low, high[-1]), "instr.param")
    yield _edges("EnergyLow", low, "phys.energy")
    yield _edges("EnergyHigh", high, "phys.energy")


def _edges(name: str, energies: NDArray[np.float64], ucd: str) -> Constant:
    told = "edges of the channels" if name == "EnergyRange" else "edge of each channel"
    parameter = Parameter(name, unit="eV", ucd=ucd, description=told, shape=energies.shape)
    return Constant(parameter, tuple(repr(float(energy)) for energy in energies))
