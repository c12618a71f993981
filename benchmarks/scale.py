"""What large cohorts cost, with the graph that withstands a lying server.

`python -m benchmarks.scale` plays one real client and a real server among 100 to 10,000 clients (`benchmarks.crowd`
says what of the others is real) and prints what each round costs the one and the other. Times are CPU time of this one
process: of the client, the least of some identical clients given the same requests; of the server, the time for
everybody over the number invited, with encoding measured on a sample of the requests. The server's memory is the most
it allocates at any time, by tracemalloc, in a second run of the same session.

`python -m benchmarks.scale --session 1000` runs that many real clients in this process, from the invitation to the
checked integer sum, while clients vanish before each of the five rounds in turn.

With `--protocol speakonce` the same of clients who speak once (`benchmarks.windows` says what of it is real).
"""

import argparse
import json
import os
import resource
import sys
import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from time import perf_counter

from rich.console import Console
from rich.progress import Progress

from protocols import CLIENT_RANDOM_BYTES, ProtocolError, Server, parameters

from .cohort import CORRUPT, ROUNDS, Cohort, Session, identities, timed
from .crowd import REAL, Crowd
from .windows import one_speaker, print_window_costs, whole_window

DROPOUT = 0.1
"""Share of the clients that may vanish, as the graph assumes: delta of Bell et al., CCS 2020."""
SIZES = (100, 300, 1000, 3000, 10000)
SIMULATED = (
    "One client and the server are real. Of the other clients, advertisements, signatures, boxes to and from the real "
    "client, and the secrets to recover are real; boxes between two others and their masked inputs are random bytes."
)

_TWINS = 3
"""Identical clients that are given the same requests."""
_SAMPLE = 100
"""Requests of a round whose encoding is timed."""


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What a session costs one client and the server; mappings are by round.

    Attributes:
        clients: How many are invited.
        degree: Neighbors of each.
        threshold: Neighbors whose shares give back a secret.
        client_ms: CPU time of one client.
        client_down_bytes: Its requests.
        client_up_bytes: Its responses.
        server_ms_per_client: CPU time of the server for everybody, over the number of clients.
        peak_server_mb: The most that the server allocates.
    """

    clients: int
    degree: int
    threshold: int
    client_ms: Mapping[str, float]
    client_down_bytes: Mapping[str, float]
    client_up_bytes: Mapping[str, float]
    server_ms_per_client: Mapping[str, float]
    peak_server_mb: float


def invite(clients: int, *, dropout: float, length: int) -> Cohort:
    """Invites a cohort to the graph that the calculator finds; 32 bits for a coordinate."""
    graph = parameters(clients, corrupt=CORRUPT, dropout=max(DROPOUT, dropout))
    return Cohort.invite(
        identities(clients),
        degree=graph.degree,
        threshold=graph.threshold,
        corrupt=graph.corrupt,
        survivors=graph.min_survivors,
        length=length,
        modulus_bits=32,
    )


def one_of_many(clients: int, *, dropout: float, length: int) -> Costs:
    """Measures one client of a cohort and its server, round by round."""
    cohort = invite(clients, dropout=dropout, length=length)
    crowd = Crowd(cohort, dropouts=int(dropout * clients))
    random = os.urandom(CLIENT_RANDOM_BYTES)
    twins = [cohort.client(REAL, random) for _ in range(_TWINS)]
    client_ms: list[float] = []
    down: list[int] = []
    responses: list[bytes] = []

    def answer(request: bytes) -> bytes:
        elapsed, answers = zip(*(timed(twin.receive, request) for twin in twins), strict=True)
        client_ms.append(min(elapsed))
        down.append(len(request))
        responses.append(answers[0])
        return answers[0]

    server_ms = _simulate(cohort, crowd, answer)
    again = iter(tuple(responses))
    tracemalloc.start()
    _simulate(cohort, crowd, lambda _: next(again))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return Costs(
        clients=clients,
        degree=cohort.params.degree,
        threshold=cohort.params.threshold,
        client_ms=dict(zip(ROUNDS, client_ms, strict=True)),
        client_down_bytes=dict(zip(ROUNDS, down, strict=True)),
        client_up_bytes=dict(zip(ROUNDS, map(len, responses), strict=True)),
        server_ms_per_client=dict(zip(ROUNDS, server_ms, strict=True)),
        peak_server_mb=peak / 1e6,
    )


def _simulate(cohort: Cohort, crowd: Crowd, answer: Callable[[bytes], bytes]) -> list[float]:
    """Plays a session among a crowd.

    Args:
        cohort: Who is invited.
        crowd: The other clients.
        answer: Makes the real client's response to a request.

    Returns:
        The server's CPU milliseconds by round, over the number of clients invited.
    """
    server, spent = Server(cohort.params), []
    requests = server.start()
    for number in range(len(ROUNDS)):
        sample = list(requests)[:: -(-len(requests) // _SAMPLE)]
        encode_ms = sum(timed(requests.__getitem__, index)[0] for index in sample) / len(sample)
        total_ms = encode_ms * len(requests)
        response = answer(requests[REAL])
        crowd.hear(number, response)
        total_ms += timed(server.receive, REAL, response)[0]
        for index, response in crowd.responses(number):
            total_ms += timed(server.receive, index, response)[0]
        close_ms, requests = timed(server.close_round)
        spent.append((total_ms + close_ms) / cohort.params.clients)
    return spent


def whole_session(clients: int, *, dropout: float, length: int) -> dict[str, float | dict[str, float]]:
    """Runs a session of real clients; every round loses as many of them.

    Raises:
        SystemExit: the sum is not the survivors' exact one.
    """
    start = perf_counter()
    seconds = dict.fromkeys(("setup", *ROUNDS, "check"), 0.0)
    elapsed, cohort = timed(lambda: invite(clients, dropout=dropout, length=length))
    dropouts = int(dropout * clients)
    leaves = {place * clients // dropouts: place % len(ROUNDS) for place in range(dropouts)}
    more, session = timed(Session, cohort, leaves)
    seconds["setup"] = (elapsed + more) / 1000
    with Progress(console=Console(stderr=True)) as progress:
        tasks = [
            progress.add_task(name, total=clients - sum(left <= number for left in leaves.values()))
            for number, name in enumerate(ROUNDS)
        ]
        for turn in session.turns():
            seconds[ROUNDS[turn.round]] += (turn.client_ms + turn.server_ms) / 1000
            progress.advance(tasks[turn.round])
    for name, closing_ms in zip(ROUNDS, session.closing_ms, strict=True):
        seconds[name] += closing_ms / 1000
    seconds["check"] = timed(cohort.check_aggregate, session.server)[0] / 1000
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    params = cohort.params
    return {
        "clients": clients,
        "length": length,
        "degree": params.degree,
        "threshold": params.threshold,
        "corrupt": params.corrupt,
        "min_survivors": params.min_survivors,
        "survivors": len(session.server.survivors),
        "cpu_seconds": seconds,
        "wall_seconds": perf_counter() - start,
        "peak_rss_mb": peak / 1e6,
    }


def _print_costs(costs: Costs) -> None:
    columns = (costs.client_ms, costs.client_down_bytes, costs.client_up_bytes, costs.server_ms_per_client)
    print(f"{costs.clients} clients, degree {costs.degree}, threshold {costs.threshold}")
    print(f"  {'':18}{'client ms':>12}{'down kB':>12}{'up kB':>12}{'server ms per client':>24}")
    for name in (*ROUNDS, "total"):
        ms, down, up, server = (sum(column.values()) if name == "total" else column[name] for column in columns)
        print(f"  {name:18}{ms:12,.2f}{down / 1000:12,.1f}{up / 1000:12,.1f}{server:24,.3f}")
    print(f"  the server allocates {costs.peak_server_mb:,.1f} MB at most\n")


def _print_session(result: Mapping[str, float | dict[str, float]]) -> None:
    for name, value in result.items():
        if isinstance(value, dict):
            for phase, seconds in value.items():
                print(f"  {phase:24}{seconds:10,.2f} s")
        else:
            print(f"{name:26}{value:10,.1f}" if isinstance(value, float) else f"{name:26}{value:10,}")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--protocol", choices=("secagg", "speakonce"), default="secagg")
    parser.add_argument("--clients", type=int, nargs="+", default=SIZES, help="sizes of cohorts")
    parser.add_argument("--session", type=int, help="run a whole session of so many real clients instead")
    parser.add_argument("--length", type=int, default=100_000, help="coordinates of the vector")
    parser.add_argument("--dropout", type=float, default=0.05, help="share of the clients that vanish")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse options, measure, print."""
    options = _options(arguments)
    try:
        _run(options)
    except ProtocolError as error:
        raise SystemExit(str(error)) from error


def _run(options: argparse.Namespace) -> None:
    once = options.protocol == "speakonce"
    if options.session:
        run = whole_window if once else whole_session
        result = run(options.session, dropout=options.dropout, length=options.length)
        if options.json:
            print(json.dumps(result))
        else:
            _print_session(result)
        return
    if once:
        _run_windows(options)
        return
    cohorts = []
    for clients in options.clients:
        cohorts.append(one_of_many(clients, dropout=options.dropout, length=options.length))
        if not options.json:
            _print_costs(cohorts[-1])
    print(
        json.dumps({"simulated": SIMULATED, "length": options.length, "cohorts": [asdict(costs) for costs in cohorts]})
        if options.json
        else SIMULATED
    )


def _run_windows(options: argparse.Namespace) -> None:
    costs = []
    for clients in options.clients:
        costs.append(one_speaker(clients, dropout=options.dropout, length=options.length))
        if not options.json:
            print_window_costs(costs[-1])
    if options.json:
        print(json.dumps({"length": options.length, "windows": [asdict(each) for each in costs]}))


if __name__ == "__main__":
    main()
