"""One training that an artist agreed to: from the offer to the signature, with the `Artist` that takes part in it.

EGM-1  What was agreed to is in the store before it is answered: killed at any moment, the agent is in the same
       training.
EGM-2  The ledger's recovery file is written anew after whatever charged something.
EGM-3  A training is taken part in only on the log that this artist saw grow (OFF-1), and that holds its own entry; what
       shows that it lies is kept as evidence.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from ..aggregation.kinds import Protocol
from ..aggregation.masking import Enrolment
from ..aggregation.session import Agreed
from ..aggregation.windows import Beacon
from ..encoder.model import StyleModel
from ..encoder.signature_space import SignatureSpace
from ..errors import FedStyleError
from ..privacy.ledger import Ledger, LedgerError
from ..training.codebook import new_codebook
from ..transparency.checkpoints import CheckpointError
from ..transparency.leaves import Joined, commit_identity
from ..transparency.tree import ProofError
from ..transparency.watch import ForkError, Watch
from ..wire.enrolment import Publish
from ..wire.log import LogReader
from ..wire.routes import Route
from ..wire.trainings import Facts, Offer, Outcome
from .account import last_outcome, last_training, seen_log
from .acts import act
from .artist import Artist
from .client import Line, ensure
from .draws import WatchedBeacon
from .home import KEYS_UNTIL, OUTCOME, TRAINING, UNSIGNED, Home, log_note, read_pins
from .offers import OfferError, RosterError, check_offer, read_model
from .portfolio import load_features, load_showcase
from .recovery import open_ledger, write_recovery
from .store import StoreError

_KEY_BYTES = 32
_ROSTER = "accepted roster"


class Engagement:
    """What an artist does in trainings, and what it remembers of them.

    Args:
        home: Open.
        line: To the platform that was joined.
        agreed_to: Name of a roster that the artist agrees to whatever its terms say; "" for none.
    """

    def __init__(self, home: Home, line: Line, *, agreed_to: str = "") -> None:
        self._home, self._line, self._agreed_to = home, line, agreed_to
        self._pins = read_pins(home.folder)
        self._artist: Artist | None = None

    @property
    def facts(self) -> Facts | None:
        """The training that was agreed to last."""
        return last_training(self._home)

    @property
    def unfinished(self) -> Facts | None:
        """The training that was agreed to last, as long as its outcome was not told."""
        return None if self._home.store.read(OUTCOME) is not None else self.facts

    def receive_offer(self, body: bytes) -> None:
        """Agree to a training, its prototype made and charged.

        Raises:
            OfferError: It is refused; nothing was charged.
            ForkError: The log lies; what shows it is in the home.
        """
        offer, before = Offer.decode(body), self.facts
        if before == offer.facts:
            return
        terms = self._home.terms
        with self._keeping_forks():
            watch, agreed = self._enter(offer)
        try:
            check_offer(
                offer.facts,
                terms=terms,
                pins=self._pins,
                accepted=_split(self._home.store.read(_ROSTER) or b""),
                agreed_to=self._agreed_to,
                last_training=0 if before is None else before.number,
            )
        except RosterError as error:
            self._home.keep_evidence("roster", offer.facts.encode())
            raise error from None
        model = self._fetch_model(offer.facts.model)
        artist = self._make_artist(offer.facts, agreed)
        with self._charging():
            artist.release_prototype(model, offer.facts.prototype)
        self._home.store.write(
            {
                TRAINING: offer.facts.encode(),
                log_note(watch.origin): watch.note,
                _ROSTER: b"".join(offer.facts.roster),
                OUTCOME: None,
                UNSIGNED: None,
            }
        )
        self._artist = artist

    def receive_announcement(self, body: bytes) -> bytes:
        """See `Artist.receive_announcement`."""
        return self._in_training.receive_announcement(body)

    def receive_request(self, body: bytes) -> bytes:
        """See `Artist.receive_request`."""
        artist = self._in_training
        try:
            with self._charging(), self._keeping_forks():
                return artist.receive_request(body)
        finally:
            self._note_keys(artist)

    def expire(self) -> None:
        """Let keys for a window die by the artist's own clock (AGT-13)."""
        artist = self._in_training
        artist.expire()
        self._note_keys(artist)

    def _note_keys(self, artist: Artist) -> None:
        """For an agent that waits with none of this loaded: until when keys live."""
        until = str(artist.keys_until).encode() if artist.keys_until else None
        if self._home.store.read(KEYS_UNTIL) != until:
            self._home.store.write({KEYS_UNTIL: until})

    def receive_outcome(self, body: bytes) -> None:
        """Note how a training ended; signing waits for the artist's word, or its terms'.

        Raises:
            FedStyleError: It is about another training.
        """
        outcome, facts = Outcome.decode(body), self.facts
        if facts is None or facts.digest != outcome.training:
            raise FedStyleError("the platform tells the outcome of a training that this artist takes no part in")
        if self._home.store.read(OUTCOME) != body:  # and not once more, after it was signed
            self._home.store.write({OUTCOME: body, UNSIGNED: b"yes"})

    def sign(self) -> int:
        """Publish a signature of the last training, charged once.

        Returns:
            Index of the log's leaf that enters it.

        Raises:
            FedStyleError: There is no outcome to sign, or the platform refused.
            PrivacyError: The signature would exceed the ledger's limit.
        """
        outcome, facts = last_outcome(self._home), self.facts
        if outcome is None or facts is None:
            raise FedStyleError("no training is over yet: there is nothing to sign")
        model = self._fetch_model(outcome.model)
        space = SignatureSpace.decode(self._fetch(outcome.signature_space, "signature space"))
        artist = self._in_training
        with self._charging():
            vector = artist.publish_signature(
                partial(_embed, model, space), outcome.signature, publication=outcome.training.hex()
            )
        publish = Publish(
            training=outcome.training,
            vector=vector.astype("<f4").tobytes(),
            name=self._pins.name,
            link=self._pins.link,
        )
        leaf = act(self._home, self._line, publish)
        self._home.store.write({UNSIGNED: None})
        return leaf

    def forget(self) -> None:
        """Let go of what is in memory; it is made again from the store when it is needed."""
        self._artist = None

    @property
    def _in_training(self) -> Artist:
        """The artist of the training that was agreed to, as it was when it was last at work (AGT-9)."""
        if self._artist is None:
            facts = self.facts
            if facts is None:
                raise FedStyleError("the platform asks about a training before it has offered any")
            agreed = Agreed(training_digest=facts.digest, checkpoint_digest=self._seen().newest.digest)
            self._artist = self._make_artist(facts, agreed)
        return self._artist

    def _make_artist(self, facts: Facts, agreed: Agreed) -> Artist:
        terms, codebook = self._home.terms, new_codebook()
        return Artist(
            features=load_features(self._home),
            codebook=codebook,
            codeword=codebook.draw(os.urandom),
            enrolment=Enrolment(identity=self._home.identity, roster=frozenset(facts.roster)),
            terms=terms.for_training(
                platform_key=self._pins.platform_key,
                architecture=self._pins.space.architecture,
                roster=len(facts.roster),
            ),
            agreed=agreed,
            beacon=self._beacon(facts),
            ledger=self._ledger,
            store=self._home.store,
            random=os.urandom,
            showcase=load_showcase(self._home),
        )

    def _beacon(self, facts: Facts) -> Beacon | None:
        """Where the beacon is read, if the artist speaks once in this training."""
        if facts.plan.protocol is not Protocol.SPEAKONCE:
            return None
        return WatchedBeacon(self._seen, LogReader(self._get))

    @property
    def _ledger(self) -> Ledger:
        return open_ledger(self._home.ledger_path, self._home.terms)

    def _seen(self) -> Watch:
        """The log as this artist saw it last."""
        return seen_log(self._home)

    def _enter(self, offer: Offer) -> tuple[Watch, Agreed]:
        """Hold the offer against the log as this artist saw it (EGM-3)."""
        seen = self._seen()
        reader, space = LogReader(self._get), self._pins.space
        try:
            growth = None if offer.since == seen.size else reader.growth(seen, offer.checkpoint)
            watch, agreed = offer.enter(seen, growth)
            own = Joined(commitment=commit_identity(self._pins.identity, space.salt))
            watch.check(own, reader.place(space.leaf, watch.size))
        except CheckpointError as error:
            raise OfferError(
                f"{error}; once the operator has told you why, `fedstyle artist confirm-log` shows what to confirm"
            ) from error
        except ProofError:
            self._home.keep_evidence("offer", offer.encode())
            raise
        return watch, agreed

    @contextmanager
    def _keeping_forks(self) -> Iterator[None]:
        """Keep what shows that the log lies (EGM-3)."""
        try:
            yield
        except ForkError as error:
            self._home.keep_evidence("fork", error.evidence)
            raise

    @contextmanager
    def _charging(self) -> Iterator[None]:
        """Keep the recovery file up with the ledger (EGM-2); a ledger that fails is this machine's trouble."""
        head = self._ledger.head
        try:
            yield
        except LedgerError as error:
            raise StoreError(str(error)) from error
        finally:
            if self._ledger.head != head:
                write_recovery(self._home.ledger_path)

    def _fetch_model(self, digest: bytes) -> StyleModel:
        return read_model(self._fetch(digest, "model"), digest=digest, pins=self._pins)

    def _get(self, path: str) -> bytes:
        return ensure(self._line.get(path), path)

    def _fetch(self, digest: bytes, what: str) -> bytes:
        """A public file by its digest."""
        data = self._get(Route.FILES.format(sha256=digest.hex()))
        if sha256(data).digest() != digest:
            raise FedStyleError(f"the platform serves another {what} than it named")
        return data


def _embed(model: StyleModel, space: SignatureSpace, raw: NDArray[np.float32]) -> NDArray[np.float32]:
    return space.apply(model.embed(raw))


def _split(identities: bytes) -> Sequence[bytes]:
    return [identities[at : at + _KEY_BYTES] for at in range(0, len(identities), _KEY_BYTES)]
