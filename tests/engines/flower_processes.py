"""A Flower federation in processes: ``superlink FOLDER PORT [DIES]`` and ``node FOLDER PORT NUMBERS [DIES]``.

Four artists of a town without noise, so that who is in a sum decides it to the bit. `DIES` names a round with whose
letters in hand the process kills itself: a node in the first session, the SuperLink in the second.
"""

import json
import os
import signal
import sys
import threading
from functools import partial
from pathlib import Path

from cryptography import x509

from fedstyle_secure.aggregation.letters import Envelope, ProtocolError, Purpose
from fedstyle_secure.engines.courier import Window
from fedstyle_secure.engines.flower.channel import Credentials
from fedstyle_secure.engines.flower.fleet import Fleet
from fedstyle_secure.engines.flower.mail import GridJournal
from fedstyle_secure.engines.flower.node import SuperLink, run_node
from fedstyle_secure.engines.http import HttpEngine
from fedstyle_secure.engines.kept import KeptJournal
from fedstyle_secure.errors import FedStyleError
from fedstyle_secure.server.iterations import Windows
from threat_models.town import Federation, mailbox

HERE = "127.0.0.1"
ARTISTS = 4
SMALL = {"clients": ARTISTS, "corrupt": 0, "min_survivors": 3, "min_cohort": 3, "multipliers": (0.0, 0.0)}
PATIENT, BRIEF = Window(deadline=600.0, grace=600.0), Window(deadline=600.0, grace=5.0)


def found(folder):
    """Credentials of everybody."""
    for name, host in [("superlink", HERE), *((f"node {number}", f"node-{number}") for number in range(ARTISTS))]:
        Credentials.make(host).save(folder / name)


def certificate(folder, name):
    return x509.load_pem_x509_certificate((folder / name / "certificate.pem").read_bytes())


def run_superlink(folder, port, dies=-1):
    """Both iterations, from the first again if this is not the first time: what was exchanged is in the journal."""
    federation = Federation(folder=folder / "server", **SMALL)
    certificates = [certificate(folder, f"node {number}") for number in range(ARTISTS)]
    keys = {
        f"artist {number}/{kind}": Credentials.load(folder / f"node {number}").public_key
        for number in range(ARTISTS)
        for kind in ("announcement", "session")
    }

    class Deadly(GridJournal):
        def wait(self, seconds):
            super().wait(seconds)
            if self.name == f"session 2 round {dies}" and self.replies(self._exchange, 0):
                os.kill(os.getpid(), signal.SIGKILL)

        def open(self, name, requests):
            self.name = name
            return super().open(name, requests)

    with KeptJournal(folder / "journal.sqlite") as kept, Fleet(HERE, port, folder / "superlink", certificates) as fleet:
        engine = HttpEngine(Deadly(fleet.grid, kept, keys))
        for outcome in federation.loop(engine=engine, windows=Windows(announcement=BRIEF, round=BRIEF)):
            summed = outcome.aggregate
            said = {"problem": outcome.problem} | (
                {"digest": summed.digest.hex(), "survivors": summed.survivors} if summed else {}
            )
            sys.stdout.write(json.dumps(said) + "\n")
            sys.stdout.flush()


def run_nodes(folder, port, numbers, dies=-1):
    """Some artists, each with a node of its own, until this process is ended."""
    federation = Federation(folder=folder / f"artists {numbers}", **SMALL)
    leave = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: leave.set())
    threads = []
    for number in map(int, numbers):
        artist = federation.artists[f"artist {number}"]
        boxes = {
            "announcement": mailbox(artist, artist.receive_announcement),
            "session": mailbox(artist, artist.receive_request, Purpose.SESSION),
        }
        node = Credentials.load(folder / f"node {number}")
        superlink = SuperLink.pinned(f"{HERE}:{port}", folder / f"node {number}", certificate(folder, "superlink"))
        threads.append(threading.Thread(target=run_node, args=(superlink, node, partial(answer, boxes, dies), leave)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def answer(boxes, dies, name, letter):
    claims = Envelope.claims(letter)
    if claims.purpose is Purpose.SESSION and (claims.session, claims.round) == (1, dies):
        os.kill(os.getpid(), signal.SIGKILL)
    try:
        return boxes[name.rpartition("/")[2]](letter)
    except (FedStyleError, ProtocolError):
        return None


if __name__ == "__main__":
    kind, where, port, *rest = sys.argv[1:]
    if kind == "superlink":
        run_superlink(Path(where), int(port), *map(int, rest))
    else:
        run_nodes(Path(where), int(port), rest[0], *map(int, rest[1:]))
