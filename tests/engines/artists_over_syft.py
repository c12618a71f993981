"""A process with some artists of a town, each with a box of its own: ``python -m tests.engines.artists_over_syft``.

It prints ``ready``, and attends until its time is over, its parent has gone, or the file ``stop`` lies in its folder.
"""

import os
import sys
import time
from functools import partial
from pathlib import Path

from fedstyle_secure.engines.syft.boxes import ArtistBox
from fedstyle_secure.engines.syft.engine import Attendant
from threat_models.platform_key import SERVER_KEY
from threat_models.town import Federation, identity


class Drawn:
    """A beacon in a folder: whoever asks for a pulse first draws it."""

    def __init__(self, folder):
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def newest(self):
        return max((int(path.name) for path in self._folder.iterdir()), default=0)

    def pulse(self, number):
        (self._folder / str(number)).touch()
        return bytes([number]) * 32


def main(folder, numbers, kind, seconds):
    """Attend for the artists with these numbers."""
    federation = make_federation(folder / "artists" / numbers, kind, beacons=folder / "beacon")
    attendants = [
        Attendant(
            ArtistBox(folder / "shared", folder / "artists" / f"box {number}", identity(number), SERVER_KEY),
            partial(answer, federation, number),
        )
        for number in map(int, numbers.split(","))
    ]
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    end, parent = time.monotonic() + seconds, os.getppid()
    while time.monotonic() < end and os.getppid() == parent and not (folder / "stop").exists():
        if not sum(attendant.attend() for attendant in attendants):
            time.sleep(0.1)


def make_federation(folder, kind, *, beacons, **changes):
    """Eight artists, the same in every process."""
    beacon = Drawn(beacons) if kind == "speakonce" else None
    return Federation(folder=folder, multipliers=(0.0,), beacon=beacon, **changes)


def answer(federation, number, kind, request):
    return federation.engine.answer(f"artist {number}/{kind}", request)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], float(sys.argv[4]))
