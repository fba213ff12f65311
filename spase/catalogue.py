"""Catalogue: the store of records by the ids of SPASE, kept up with what the node serves."""

import logging
import threading

from spase.own import records
from spase.rows import ids_named, row
from vo_server.context import Context
from vo_server.errors import Failure, UnknownResource, excerpt
from vo_server.record_format import RowSource
from vo_server.records import Records
from vo_server.row import OWN, Row, authority

_log = logging.getLogger(__name__)


class Catalogue:
    """What is known of resources, by id.

    What the node tells of itself is written anew when its registry has changed: before the first
    answer, and before an id of its own is said to be unknown; else beside the answers.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._lock = threading.Lock()
        self._seen: object = None
        self._written: object = None

    @property
    def records(self) -> Records:
        """The store, with what the node told of itself last."""
        if self._seen is None:
            self.refresh()
        elif self._is_old() and not self._lock.locked():
            threading.Thread(target=self.refresh, name="catalogue", daemon=True).start()
        return self._context.records

    def get(self, id: str) -> Row:
        """Give the row of an id, which may have either name of its kind; raises UnknownResource."""
        found = self.find(id)
        if (
            found is None
            and self._is_old()
            and authority(id) == self._context.settings.node.authority
        ):
            self.refresh()
            found = self.find(id)
        if found is None:
            raise UnknownResource(f"{excerpt(id, 200)} is not known here", argument="id")
        return found

    def find(self, id: str) -> Row | None:
        """Give the row of an id, None where there is none; a row that is not deleted first."""
        store = self.records
        scheme, _, rest = id.partition("://")
        exact = store.get(id)
        if exact is not None and not exact.deleted:
            return exact
        others = (store.get(name) for name in ids_named(rest)) if scheme and rest else iter(())
        live = (other for other in others if other is not None and not other.deleted)
        return next(live, exact)

    def refresh(self) -> None:
        """Write what the node tells of itself, unless that is what is written.

        Where it cannot be written now, what was written before is still given.
        """
        with self._lock:
            seen = self._context.registry.entries()
            served = {id: entry.resource for id, entry in seen.items()}
            try:
                if served != self._written:
                    self._write()
                    self._written = served
            except Failure as err:
                _log.warning("records of this node are not brought up to date: %s", err)
            self._seen = seen

    def _write(self) -> None:
        self._context.keep(OWN, (row(record) for record in records(self._context)))
        for form in self._context.record_formats.values():
            if isinstance(form, RowSource):
                self._context.keep(form.source, form.rows())

    def _is_old(self) -> bool:
        return self._context.registry.entries() is not self._seen
