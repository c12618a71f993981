"""What an engine takes: a letter to every artist and back, small and large, all parties on this machine.

`python -m benchmarks.engines http --artists 8 32 --json` (flower and syft from the environments that have them)

Each artist has a mailbox that signs its answer, as in a run; nobody computes anything.

* seconds: the median of exchanges in which every letter and every answer has a kilobyte.
* megabytes_per_second: of answers as long as a run's masked updates, all together.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from statistics import median
from time import perf_counter

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fedstyle_secure.aggregation.letters import Purpose, answering, exchange
from fedstyle_secure.engines.courier import Engine
from fedstyle_secure.engines.memory import MemoryEngine
from fedstyle_secure.engines.opening import EngineName, window_of
from fedstyle_secure.runs.opening import Parties, open_engine

_SMALL = 1_000
_LARGE = 1 << 19
"""A run's 2^17 coordinates of four bytes."""


class Town:
    """Artists who answer what they are asked for.

    Args:
        artists: How many.
    """

    def __init__(self, artists: int) -> None:
        self.platform = Ed25519PrivateKey.generate()
        self.keys = {f"artist {number}": Ed25519PrivateKey.generate() for number in range(artists)}
        self.identities = {f"{name}/session": key.public_key().public_bytes_raw() for name, key in self.keys.items()}
        server_key = self.platform.public_key().public_bytes_raw()
        self.mailboxes = MemoryEngine(
            {
                f"{name}/session": answering(_answer, Purpose.SESSION, identity=key, server_key=server_key)
                for name, key in self.keys.items()
            }
        )
        self._session = 0

    def ask(self, name: EngineName, engine: Engine, size: int) -> float:
        """Seconds of an exchange in which every answer has so many bytes.

        Raises:
            SystemExit: Somebody did not answer.
        """
        self._session += 1
        letter = size.to_bytes(8, "big") + bytes(_SMALL)
        begun = perf_counter()
        replies = exchange(
            engine,
            dict.fromkeys(self.identities, letter),
            self.identities,
            Purpose.SESSION,
            name=f"exchange {self._session}",
            wait=window_of(name).until(len(self.identities)),
            identity=self.platform,
            session=self._session,
        )
        if sum(len(reply) == size for _, reply in replies) != len(self.identities):
            raise SystemExit("somebody did not answer")
        return perf_counter() - begun


def _answer(letter: bytes) -> bytes:
    return bytes(int.from_bytes(letter[:8], "big"))


def measure(name: EngineName, artists: int, turns: int, tell: Callable[[str], None]) -> dict[str, float]:
    """Exchanges of both sizes with so many artists."""
    town = Town(artists)
    tell(f"{name}: {artists} artists")
    with open_engine(name, town.mailboxes, Parties(platform=town.platform, artists=town.keys)) as engine:
        town.ask(name, engine, _SMALL)  # until everybody is there
        seconds = median(town.ask(name, engine, _SMALL) for _ in range(turns))
        large = town.ask(name, engine, _LARGE)
    return {"artists": artists, "seconds": seconds, "megabytes_per_second": artists * _LARGE / large / 1e6}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.engines",
        description=__doc__.partition("\n")[0],
        epilog=__doc__.partition("\n")[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("engine", type=EngineName, choices=list(EngineName), help="which")
    parser.add_argument("--artists", type=int, nargs="+", default=[8], help="of each measurement")
    parser.add_argument("--turns", type=int, default=5, help="exchanges of which the median counts")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(arguments)
    tell: Callable[[str], None] = (lambda _: None) if options.json else print
    found = [measure(options.engine, artists, options.turns, tell) for artists in options.artists]
    if options.json:
        print(json.dumps(found))
        return
    for each in found:
        print(
            f"{each['artists']:5d} artists: {each['seconds']:8.3f} s there and back, "
            f"{each['megabytes_per_second']:8.2f} MB/s"
        )


if __name__ == "__main__":
    main()
