"""Forms: records given away as SPASE 2.7.1 and as IMPEx, each valid by its schema or not at all."""

from collections.abc import Callable, Mapping
from typing import Any

from lxml import etree

from schemas.model import Model, model
from spase.dictionary import NAMESPACES, stated
from spase.judge import is_valid
from spase.mapping import IMPEX_MODEL, SPASE_MODEL, to_impex, to_spase
from spase.read import parsed
from spase.record import Record
from spase.rows import record_of
from spase.write import tree
from vo_server.check import Finding
from vo_server.row import Row

Mapped = Callable[[Record], tuple[Record | None, list[Finding]]]

_XSI = "http://www.w3.org/2001/XMLSchema-instance"


class Spase:
    """The form `spase`: SPASE of the newest version."""

    namespace = "http://www.spase-group.org/data/schema"
    schema = "https://www.spase-group.org/data/schema/spase-2.7.1.xsd"
    sets: Mapping[str, str] = {}
    lasting = True

    def __init__(self, context: Any) -> None:
        self._model = model(SPASE_MODEL)

    def identifier(self, row: Row) -> str:
        """Give the ResourceID."""
        return row.id

    def write(self, row: Row) -> bytes | None:
        """Give a record in the newest version, None where it is not valid by that."""
        return _valid(row, self._model, self.schema, to_spase)


class Impex:
    """The form `impex`: the IMPEx data model, of the kinds of resources that it has."""

    namespace = "http://impex-fp7.oeaw.ac.at"
    schema = "http://impex-fp7.oeaw.ac.at/xsd/impex-1_0_2.xsd"
    sets: Mapping[str, str] = {}
    lasting = True

    def __init__(self, context: Any) -> None:
        self._model = model(IMPEX_MODEL)

    def identifier(self, row: Row) -> str:
        """Give the ResourceID."""
        return row.id

    def write(self, row: Row) -> bytes | None:
        """Give a record in IMPEx, None where it cannot be."""
        return _valid(row, self._model, self.schema, to_impex)


def _valid(row: Row, target: Model, schema: str, mapped: Mapped) -> bytes | None:
    """Give the document of a row as one of a model, None where it is none."""
    if row.namespace not in NAMESPACES:
        return None
    if row.namespace == target.namespace:
        root = parsed(row.content)
    else:
        record, _ = mapped(record_of(row))
        if record is None:
            return None
        root = tree([record])
    said = root.find(f"{{{target.namespace}}}Version")
    if said is not None:
        said.text = stated(target)
    root.set(f"{{{_XSI}}}schemaLocation", f"{target.namespace} {schema}")
    return etree.tostring(root) if is_valid(root, target) else None
