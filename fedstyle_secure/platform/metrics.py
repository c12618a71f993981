"""What an operator may count, for Prometheus.

MET-1  No label names an artist, a session or an address: labels are routes, statuses and reasons, and few.
"""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest


class Metrics:
    """Counters of one process."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._watched: dict[str, Callable[[], float]] = {}
        self._requests = Counter(
            "fedstyle_requests", "Requests by route and status.", ("route", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "fedstyle_request_seconds", "Time to answer, long polls included.", ("route",), registry=self._registry
        )

    def note(self, route: str, status: int, seconds: float) -> None:
        """Count a request that was answered.

        Args:
            route: The route's pattern, never a path as it came.
            status: HTTP status.
            seconds: From its head to the end of its answer.
        """
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def watch(self, name: str, what: str, value: Callable[[], float]) -> None:
        """Show a number as it is whenever somebody looks."""
        self._watched[what] = value
        Gauge(f"fedstyle_{name}", what, registry=self._registry).set_function(value)

    def now(self) -> dict[str, float]:
        """What is watched, in words, and its number now."""
        return {what: value() for what, value in self._watched.items()}

    def encode(self) -> bytes:
        """In Prometheus' text format."""
        return generate_latest(self._registry)
