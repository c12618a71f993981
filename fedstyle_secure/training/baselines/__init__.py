"""The rivals: what others do with the same encoder, whitening, head, split and bytes; one small module for each."""

from .centralised import Centralised
from .fedavg import FedAvg
from .fedproto import FedProto
from .fedprox import FedProx
from .local_only import LocalOnly
from .moon import Moon
from .task import Baseline

BASELINES: dict[str, Baseline] = {
    baseline.name: baseline for baseline in (LocalOnly(), FedAvg(), FedProx(), Moon(), FedProto(), Centralised())
}
"""Every rival by name, in the order of the tables."""

__all__ = ["BASELINES", "Baseline"]
