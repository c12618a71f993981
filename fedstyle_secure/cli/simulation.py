"""``fedstyle simulate``: what a round of very many artists costs, measured and projected."""

import os
from typing import Annotated, Any

import typer
from rich.table import Table

from ..aggregation.kinds import Protocol
from ..allocator import keep_freed_memory
from ..bounds import COORDINATES, DROP_RATE, JOBS, SIMULATED, SIMULATED_COHORT
from .options import Json, Seed, number
from .screen import screen


def simulate(
    artists: Annotated[int, number("Artists, all together.", SIMULATED)],
    cohort: Annotated[int, number("Artists of a session.", SIMULATED_COHORT)] = 100,
    coordinates: Annotated[int, number("Coordinates of an upload; the default is a run's own.", COORDINATES)] = 1 << 17,
    protocol: Annotated[
        Protocol, typer.Option(help="Five rounds with everybody there, or one message in a window.")
    ] = Protocol.SECAGG,
    drop_rate: Annotated[float, number("Fraction of artists that vanish in each session.", DROP_RATE)] = 0.05,
    engine: Annotated[str, typer.Option(help="local, or ray for a cluster (optional extra).")] = "local",
    jobs: Annotated[int | None, number("Processes (default: one for each processor).", JOBS)] = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Sum one iteration of very many artists, real but for their artworks, and say what a million would cost."""
    from ..experiments.simulation import simulate as run_simulation

    keep_freed_memory()
    found = run_simulation(
        artists=artists,
        cohort=cohort,
        coordinates=coordinates,
        drop_rate=drop_rate,
        protocol=protocol,
        seed=seed,
        engine=engine,
        jobs=jobs if jobs is not None else os.cpu_count() or 1,
        progress=screen,
    )
    if as_json:
        screen.json(found)
        return
    screen.show(_table(found))


def _table(found: dict[str, Any]) -> Table:
    each, million = found["per_artist"], found["million"]
    table = screen.table("", "an artist", "a million", title=f"One iteration of {found['artists']:,} artists")
    table.add_row("processor time", f"{1000 * each['seconds']:.1f} ms", f"{million['cpu_hours']:,.1f} hours")
    table.add_row("sent", f"{each['bytes_up'] / 1e6:.3f} MB", f"{million['terabytes_up']:.3f} TB")
    table.add_row("received", f"{each['bytes_down'] / 1e6:.3f} MB", f"{million['terabytes_down']:.3f} TB")
    table.caption = (
        f"{found['cohorts']:,} cohorts, each sum checked to the integer, and each withstands "
        f"{found['corrupt_in_a_cohort']:,} corrupt artists; {found['survivors']:,} artists in the sum; "
        f"{found['coordinates']:,} coordinates; at most {found['memory'] / 1e6:,.0f} MB in a process"
    )
    return table
