"""Metrics: what a node has answered, for Prometheus, over all of its processes."""

import os

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

# Names a folder in which the processes of one node share their numbers.
SHARED = "PROMETHEUS_MULTIPROC_DIR"
MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)


class Metrics:
    """Counts of requests by front and status, bytes, times, and broken answers."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "vo_requests", "requests answered", ("front", "status", "robot"),
            registry=self._registry,
        )  # fmt: skip
        self._bytes = Counter(
            "vo_sent_bytes", "bytes of bodies sent", ("front",), registry=self._registry
        )
        self._broken = Counter(
            "vo_broken", "answers that broke off", ("front",), registry=self._registry
        )
        self._seconds = Histogram(
            "vo_seconds", "time to the end of an answer", ("front",), buckets=_SECONDS,
            registry=self._registry,
        )  # fmt: skip
        self._in_flight = Gauge(
            "vo_in_flight", "requests being served", registry=self._registry,
            multiprocess_mode="livesum",
        )  # fmt: skip

    def begin(self) -> None:
        """Count a request that begins."""
        self._in_flight.inc()

    def end(
        self, front: str, status: int | None, sent: int, seconds: float, *, robot: bool
    ) -> None:
        """Count a request that ends; status: None where the client left before it was known."""
        self._in_flight.dec()
        self._requests.labels(front, str(int(status or 0)), str(robot).lower()).inc()
        self._bytes.labels(front).inc(sent)
        self._seconds.labels(front).observe(seconds)

    def broken(self, front: str) -> None:
        """Count an answer that failed after its header."""
        self._broken.labels(front).inc()

    def page(self) -> bytes:
        """Give the numbers in Prometheus' text format."""
        if SHARED not in os.environ:
            return generate_latest(self._registry)
        everything = CollectorRegistry()
        MultiProcessCollector(everything)  # type: ignore[no-untyped-call]
        return generate_latest(everything)
