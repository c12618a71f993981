"""Where cells run: one after the other, in a pool of local processes, or on a Ray cluster (optional extra)."""

from collections.abc import Iterator, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass
from functools import partial

import torch

from ..config import Settings
from ..errors import InputError
from .bench import Bench, Encoded
from .cells import Cell
from .cluster import load_ray, run_on_cluster
from .experiment import Engine, execute
from .processes import worker_processes


class Serial:
    """In this process."""

    def run(self, bench: Bench, cells: Sequence[Cell]) -> Iterator[Cell]:
        """Run and write cells one after the other."""
        for cell in cells:
            execute(bench, cell)
            yield cell


@dataclass(frozen=True, slots=True)
class LocalPool:
    """In `jobs` processes of this machine; whatever ends the run, finished cells stay."""

    jobs: int

    def run(self, bench: Bench, cells: Sequence[Cell]) -> Iterator[Cell]:
        """Run and write cells in whatever order they are done.

        Raises:
            FedStyleError: A process died, for example for want of memory.
        """
        with worker_processes(
            min(self.jobs, len(cells)), partial(_bench, bench.common, Encoded.by(bench.encoder))
        ) as pool:
            futures = {pool.submit(_work, cell): cell for cell in cells}
            for future in as_completed(futures):
                future.result()
                yield futures[future]


@dataclass(frozen=True, slots=True)
class RayCluster:
    """On the Ray cluster that `RAY_ADDRESS` names, else one that Ray starts here.

    Every machine must see the artworks, the experiment's folder and `--features-cache` under the same paths.
    """

    jobs: int

    def run(self, bench: Bench, cells: Sequence[Cell]) -> Iterator[Cell]:
        """Run and write cells in whatever order they are done.

        Raises:
            FedStyleError: A cell's workers died again and again.
        """
        work = partial(_work_elsewhere, bench.common, Encoded.by(bench.encoder))
        for cell, _ in run_on_cluster(work, cells, self.jobs):
            yield cell


def choose_engine(name: str, jobs: int) -> Engine:
    """The engine of that name.

    Raises:
        InputError: Unknown, not installed, or no job at all.
    """
    if jobs < 1:
        raise InputError(f"--jobs must be at least 1, got {jobs}")
    if name == "ray":
        load_ray()
        return RayCluster(jobs)
    if name != "local":
        raise InputError(f"--engine must be local or ray, got {name!r}")
    return Serial() if jobs == 1 else LocalPool(jobs)


_benches: dict[tuple[Settings, Encoded], Bench] = {}


def _bench(common: Settings, encoded: Encoded) -> Bench:
    """This process' own, made once."""
    if (common, encoded) not in _benches:
        _benches.clear()
        _benches[common, encoded] = Bench(common=common, encoded=encoded)
    return _benches[common, encoded]


def _work(cell: Cell) -> None:
    (bench,) = _benches.values()
    execute(bench, cell)


def _work_elsewhere(common: Settings, encoded: Encoded, cell: Cell) -> None:
    torch.set_num_threads(1)
    execute(_bench(common, encoded), cell)
