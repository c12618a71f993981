"""An artist by itself, who joins no session: what it prepares and publishes is what an attack is about."""

from math import inf
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fedstyle_secure.aggregation.masking import Enrolment
from fedstyle_secure.aggregation.session import NO_LOG
from fedstyle_secure.artist.artist import Artist
from fedstyle_secure.artist.store import MemoryStore
from fedstyle_secure.encoder.features import StyleFeatures
from fedstyle_secure.privacy.clipping import MAX_ARTWORKS, Unit
from fedstyle_secure.privacy.ledger import Ledger
from fedstyle_secure.privacy.mechanism import View
from fedstyle_secure.privacy.sizing import Mode
from fedstyle_secure.training.codebook import Codebook

from .scripted import scripted
from .town import make_terms


def lone_artist(
    features: StyleFeatures, codebook: Codebook, codeword: int, *, ledger: Ledger, mode: Mode, unit: Unit, name: str
) -> Artist:
    """The real agent with a scripted key and randomness, which `name` decides, and nobody on its roster."""
    key = Ed25519PrivateKey.from_private_bytes(scripted("artist")(32))
    return Artist(
        features=features,
        codebook=codebook,
        codeword=codeword,
        enrolment=Enrolment(identity=key, roster=frozenset()),
        terms=make_terms(mode=mode, unit=unit, architectures=frozenset(), max_artworks=MAX_ARTWORKS),
        agreed=NO_LOG,
        ledger=ledger,
        store=MemoryStore(),
        random=scripted(name),
    )


def unlimited_ledger(folder: Path) -> Ledger:
    """A new ledger that refuses nothing, for attacks that are not about it."""
    return Ledger.open(folder / "artist.jsonl", limit=inf, delta=1e-5, view=View.AGGREGATE)
