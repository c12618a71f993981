"""An artist by itself, who joins no session: what it prepares and publishes is what an attack is about."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fedstyle_secure.aggregation.masking import Enrolment
from fedstyle_secure.artist.artist import Artist
from fedstyle_secure.encoder.features import StyleFeatures
from fedstyle_secure.privacy.clipping import Unit
from fedstyle_secure.privacy.ledger import Ledger
from fedstyle_secure.privacy.sizing import Mode
from fedstyle_secure.training.codebook import Codebook

from .scripted import scripted


def lone_artist(
    features: StyleFeatures, codebook: Codebook, codeword: int, *, ledger: Ledger, mode: Mode, unit: Unit, name: str
) -> Artist:
    """The real agent with a scripted key and randomness, which `name` decides, and nobody on its roster."""
    key = Ed25519PrivateKey.from_private_bytes(scripted("artist")(32))
    return Artist(
        features=features,
        codebook=codebook,
        codeword=codeword,
        enrolment=Enrolment(
            identity=key, server_key=bytes(32), roster=frozenset(), architectures=frozenset(), min_cohort=5
        ),
        ledger=ledger,
        mode=mode,
        unit=unit,
        random=scripted(name),
    )
