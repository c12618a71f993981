"""The artist's house: from an announced iteration to masked bytes. What an artist keeps never leaves this object.

AGT-1  The ledger is charged before any feature is touched; a refused charge means no answer at all.
AGT-2  What each tensor's support and length are, the artist decides from its own code (`terms`).
AGT-3  An announcement costs nothing and moves nothing: what is charged for is a session, once enough of its artists
       have signed in and sealed their shares for this one, and once. Numbers of iterations and sessions only rise.
AGT-4  With an upload the server is given a receipt of the ledger, and an announcement brings the newest one back: a
       ledger restored from a backup is noticed before it is charged again. A server that forgets receipts on purpose
       brings none; then only a copy of the ledger's head, kept elsewhere, can tell.
AGT-5  The cohorts that this artist uploaded to are remembered: a later one that too few artists joined or left since is
       refused. An announcement without an upload is not remembered, and locks nobody out.
AGT-6  The prototype that an artist takes out of its artworks was charged for and made noisy, though nobody sees it.
AGT-7  An artist trains in one style space: that of its enrolment, or else of the first announcement it agrees to;
       another whitening is refused, for a prototype as well.
AGT-8  A session in flight ends by its own requests, or when a newer iteration, or session, is announced that this
       artist agrees to; by nothing else that arrives.
AGT-9  Killed between any two instructions, an artist that is made again on the same store and ledger goes on where it
       was: what it had answered it answers again, byte for byte; what it had not, it is not charged for twice.
AGT-10 Whatever arrives is answered or refused with a `FedStyleError` or one of `REFUSALS`.
AGT-11 An artist takes part in sessions of the training that it agreed to, on the log that it was shown, and in no
       others: both are its own (`agreed`), and no announcement or request changes them.
AGT-12 A prototype is made once, and a signature once for each publication: killed between charge and keeping, an artist
       pays for neither again, since nobody saw what was lost.
AGT-13 Keys for a window die by this artist's own clock (SPK-2): when it is made again, at any request, and whenever
       whoever runs it says so (`expire`).
"""

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..aggregation.joining import Session, is_invitation, join, rejoin
from ..aggregation.masking import REFUSALS, SNAPSHOT_KEY_BYTES, Enrolment, Keeping, Part, Stage, number_of
from ..aggregation.session import Agreed, Cohorts, Subject
from ..aggregation.speaking import SpokenSession
from ..aggregation.windows import Beacon
from ..announcement import ACKNOWLEDGMENT, NO_RECEIPT, Announcement
from ..encoder.features import StyleFeatures
from ..encoder.model import StyleModel
from ..encoder.whitening import Whitening, to_unit
from ..errors import FedStyleError, InputError, PrivacyError
from ..privacy.ledger import Ledger, LedgerError
from ..privacy.mechanism import Mechanism
from ..privacy.noise import NoisyUpdate
from ..privacy.pipeline import protect
from ..privacy.quantization import dequantize
from ..privacy.randomness import RandomBytes
from ..privacy.releases import Release, SessionMark
from ..privacy.shrinkage import kept_fraction
from ..training.codebook import Codebook
from ..training.moments import Prototype
from ..training.updates import Contributions, one_by_one
from .memory import Memory
from .rows import contribute
from .showcase import with_showcase
from .store import Store, StoreError
from .terms import Terms

SIGNATURE = "signature"
"""Name of the one tensor of a signature release."""

PROTOTYPE = "prototype"
"""Name of the one tensor of a prototype's release."""

_LOGGER: Final = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True, eq=False)
class Artist:
    """One artist's agent; made again on the same store and ledger, it goes on where it was (AGT-9).

    Attributes:
        features: Raw features of the training artworks, all views; private.
        codebook: Public anchors.
        codeword: The anchor this artist trains towards; secret. A store that holds one has the last word.
        enrolment: Key and roster.
        terms: What the artist insists on.
        agreed: The training that this artist takes part in, and the checkpoint of the log in which it saw that.
        ledger: What was spent, and the limit.
        store: What the artist remembers.
        random: Source of secret random bytes.
        whitening: Pinned at enrolment, or else that of the first announcement agreed to; None before.
        showcase: Raw features of works that this artist shows already and that are none of its artworks here; public.
        beacon: Where this artist reads the beacon if it speaks once; None if it takes part in sessions of five rounds.
            Its own choice, as its terms are (JOI-1).
        clock: Tells the time in seconds, from a moment that a restart does not change.
        training_seconds: Spent on making updates, for the artist's own eyes.

    Raises:
        InputError: There are more artworks than the artist's own terms allow.
        StoreError: The store cannot be read.
    """

    features: StyleFeatures = field(repr=False)
    codebook: Codebook = field(repr=False)
    codeword: int = field(repr=False)
    enrolment: Enrolment = field(repr=False)
    terms: Terms
    agreed: Agreed
    ledger: Ledger
    store: Store = field(repr=False)
    random: RandomBytes = field(repr=False)
    whitening: Whitening | None = field(default=None, repr=False)
    showcase: StyleFeatures | None = field(default=None, repr=False)
    beacon: Beacon | None = field(default=None, repr=False)
    clock: Callable[[], float] = field(default=time.time, repr=False)
    training_seconds: float = field(default=0.0, init=False, repr=False)
    _memory: Memory = field(init=False, repr=False)
    _prototype: Prototype | None = field(init=False, repr=False)
    cohorts: Cohorts = field(init=False, repr=False)
    _receipt: bytes = field(init=False, repr=False)
    _whitened: NDArray[np.float32] | None = field(default=None, init=False, repr=False)
    _announcement: Announcement | None = field(default=None, init=False, repr=False)
    _announced: bytes | None = field(default=None, init=False, repr=False)
    _session: Session | None = field(default=None, init=False, repr=False)
    _session_key: bytes = field(default=b"", init=False, repr=False)

    def __post_init__(self) -> None:
        if len(self.features) > self.terms.max_artworks:
            raise InputError(
                f"{len(self.features)} artworks are more than the {self.terms.max_artworks} of this artist's terms: "
                "choose fewer artworks, or agree to a larger bound"
            )
        self._memory = Memory(self.store)
        self.codeword = self._memory.codeword(self.codeword)
        self._prototype = self._memory.prototype()
        self.cohorts = self._memory.cohorts()
        self._receipt = self._memory.receipt()
        if self.whitening is None:
            self.whitening = self._memory.whitening()
        try:
            self._go_on()
        except StoreError:
            raise
        except FedStyleError as error:
            _LOGGER.warning("the announcement that was in hand is refused now: %s", error)
        except REFUSALS as error:
            _LOGGER.warning("the session that was in flight does not go on: %s", error)

    def _go_on(self) -> None:
        """Take up the announcement and the session that were in hand when this artist was last at work (AGT-9)."""
        data, kept = self._memory.announcement(), self._memory.session()
        if data is None:
            return
        announcement = Announcement.decode(data, self.whitening)
        self._consent(announcement)
        self._announcement, self._announced = announcement, data
        if kept is not None:
            self._session_key, snapshot = kept
            self._session = rejoin(
                snapshot,
                self._part(announcement),
                beacon=self.beacon,
                random=self.random,
                keeping=self._keeping(self._session_key),
            )
            self.expire()

    def receive_announcement(self, data: bytes) -> bytes:
        """Check an announced iteration, and be ready for its sessions. Nothing is charged (AGT-3).

        Args:
            data: An encoded `Announcement`.

        Returns:
            The acknowledgment of this announcement, the same for all.

        Raises:
            InputError: Not an announcement.
            LedgerError: The ledger lacks releases it once had.
            PrivacyError: It asks for something this artist did not agree to, or for more than the ledger's limit.
        """
        if data == self._announced:
            return ACKNOWLEDGMENT
        announcement = Announcement.decode(data, self.whitening)
        self._check_receipt(announcement.receipt)
        self._consent(announcement)
        self._check_cost(_release(announcement, None))
        if self._is_in_flight and self._announcement and announcement.iteration <= self._announcement.iteration:
            raise PrivacyError(
                f"iteration {announcement.iteration} was announced while a session of iteration "
                f"{self._announcement.iteration} is in flight"
            )
        self._memory.keep_announcement(data, announcement.model.whitening)
        self.whitening = announcement.model.whitening
        self._announcement, self._announced, self._session = announcement, data, None
        return ACKNOWLEDGMENT

    def receive_request(self, data: bytes) -> bytes:
        """Answer one request of a secure aggregation session.

        A request that was answered last is answered again, byte for byte. An invitation to another session of the
        announced iteration ends the one before if it is agreed to (AGT-8).

        Args:
            data: An encoded request.

        Returns:
            A receipt, 32 bytes, and the response: the ledger's newest with an upload, else `NO_RECEIPT` (AGT-4).

        Raises:
            ProtocolError: The client refuses; see `MaskedSession.receive` and `SpokenSession.receive`.
            PrivacyError: No iteration was announced, or the charge was refused.
        """
        self.expire()
        session = self._session
        if session is None or (is_invitation(data) and not session.has_answered(data)):
            session = self._invite()
        response = session.receive(data)
        self._session = session
        if session.stage is not Stage.INPUT_MASKED:
            return NO_RECEIPT + response
        self.cohorts.add(session.roster)
        return self._receipt + response

    @property
    def _is_in_flight(self) -> bool:
        return self._session is not None and self._session.stage not in {Stage.UNMASKED, Stage.ABORTED}

    @property
    def keys_until(self) -> int:
        """Until when keys for a window live, in whole seconds of this artist's clock; 0 for no such keys."""
        session = self._session
        return session.keys_until if isinstance(session, SpokenSession) else 0

    def expire(self) -> None:
        """Forget the keys of a window if this artist's patience with it is over (AGT-13)."""
        if isinstance(self._session, SpokenSession):
            self._session.expire()

    def _invite(self) -> Session:
        """Be ready for a session of the announced iteration that is newer than all before."""
        announcement = self._announcement
        if announcement is None:
            raise PrivacyError("a session's request came before its iteration was announced")
        return join(
            self._part(announcement),
            beacon=self.beacon,
            random=self.random,
            keeping=self._keeping(os.urandom(SNAPSHOT_KEY_BYTES)),
        )

    def _part(self, announcement: Announcement) -> Part:
        """What this artist brings into a session of an announced iteration."""
        model = announcement.model
        return Part(
            protected=self._make_update,
            mechanism=announcement.mechanism,
            subject=Subject(
                iteration=announcement.iteration,
                model_digest=model.digest,
                architecture_digest=model.architecture_digest,
                anchors_digest=self.codebook.digest,
                agreed=self.agreed,
            ),
            last_session=self._last_session,
            enrolment=self.enrolment,
            conditions=self.terms,
            earlier=self.cohorts,
            clock=self.clock,
        )

    @property
    def _last_session(self) -> int:
        """The store may be older than the ledger, never the other way round."""
        return max(self._memory.last_session(), self.ledger.last_session(self.terms.platform_key))

    def _keeping(self, key: bytes) -> Keeping:
        return Keeping(key=key, keep=partial(self._keep, key))

    def _keep(self, key: bytes, stage: Stage, snapshot: bytes) -> None:
        """Remember what is about to be answered (MMR-1)."""
        if stage is Stage.ABORTED and key != self._session_key:
            return  # an invitation that was refused: the session before goes on
        if stage is Stage.KEYS_ADVERTISED:
            self.terms.check_session(number_of(snapshot), last_session=self._last_session)
        session = None if stage is Stage.KEYS_ADVERTISED else self._session
        self._memory.keep_session(
            stage,
            snapshot,
            key=key,
            session_id=session.mark.session_id if session and session.mark else b"",
            roster=session.roster if session else frozenset(),
            receipt=self._receipt,
        )
        self._session_key = key

    def _make_update(self) -> NoisyUpdate:
        """Charge for the session in hand, and only then look at the artworks (AGT-1)."""
        announcement, session = self._announcement, self._session
        if announcement is None or session is None or session.mark is None:
            raise PrivacyError("an update was asked for outside of any session")
        release = _release(announcement, session.mark)
        self._check_cost(release)
        self.ledger.charge(release)
        self._receipt = self.ledger.receipt
        start = time.perf_counter()
        if self._whitened is None:
            self._whitened = one_by_one(announcement.model.whiten, self.features.views)
        contributions = contribute(
            self.features,
            announcement.model,
            announcement.mechanism,
            self.codebook,
            self.codeword,
            prototype=self._prototype,
            whitened=self._whitened,
        )
        update = protect(contributions, announcement.mechanism, self.random)
        self.training_seconds += time.perf_counter() - start
        return update

    def release_prototype(self, model: StyleModel, mechanism: Mechanism) -> None:
        """Make a private prototype in the public style space, to be taken out of artworks before their moments.

        It never leaves the artist. It is noisy and charged for all the same, because everything made with it does. Who
        has one keeps it (AGT-12).

        Args:
            model: Its whitening makes the style space, of d dimensions.
            mechanism: A release of one artist alone: one tensor of d coordinates, one client.

        Raises:
            PrivacyError: It would exceed the ledger's limit, promises another privacy than agreed, or is about another
                style space (AGT-7).
        """
        self._check_whitening(model)
        if self._prototype is not None:
            return
        noisy = self._release_alone(PROTOTYPE, model.whiten, mechanism)
        noise = (mechanism.sigma_share / mechanism.scale) ** 2 * noisy.size
        self._prototype = Prototype(to_unit(noisy.astype(np.float32)), kept_fraction(noisy, noise))
        self._memory.keep_prototype(self._prototype, PROTOTYPE)

    def publish_signature(
        self,
        embed: Callable[[NDArray[np.float32]], NDArray[np.float32]],
        mechanism: Mechanism,
        *,
        publication: str = "",
    ) -> NDArray[np.float32]:
        """Release a private mean of this artist's embeddings, in the clear, for the catalogue; beside what it shows.

        Args:
            embed: Maps raw features [1, features] to the signature space, float32 [1, d]; called after the charge, for
                one artwork at a time.
            mechanism: A release of one artist alone: one tensor, one client.
            publication: Names it: asked again by the same name, the same signature is given (AGT-12); "" for a new one.

        Returns:
            A unit vector, float32 [d]; its noise is this artist's own, whoever else is honest.

        Raises:
            PrivacyError: It would exceed the ledger's limit, or promises another privacy than agreed.
        """
        kept = self._memory.signature(publication) if publication else None
        if kept is not None:
            return kept
        released = self._release_alone(SIGNATURE, embed, mechanism)
        if self.showcase is not None:
            shown = one_by_one(embed, self.showcase.views[:, 0])
            released = with_showcase(released, mechanism.sigma_share / mechanism.scale, shown)
        signature = to_unit(released.astype(np.float32))
        self._memory.keep_signature(signature, publication, SIGNATURE)
        return signature

    def _release_alone(
        self, name: str, embed: Callable[[NDArray[np.float32]], NDArray[np.float32]], mechanism: Mechanism
    ) -> NDArray[np.float64]:
        """The noisy sum of this artist's embeddings, charged first; all of its noise is this artist's own."""
        terms = self.terms
        if (mechanism.mode, mechanism.unit, mechanism.clients) != (terms.mode, terms.unit, 1):
            raise PrivacyError(f"a {name} is released by one artist alone, in mode {terms.mode} per {terms.unit}")
        iteration = self.ledger.last_iteration(terms.platform_key)
        release = Release.of(mechanism, name=name, iteration=iteration)
        if release not in self.ledger.releases_since(self._memory.begin_release(name, self.ledger.head)):
            self.ledger.charge(release)
        embeddings = one_by_one(embed, self.features.views[:, 0])
        update = protect(Contributions(embeddings, mechanism.layout), mechanism, self.random)
        return dequantize(update.values, mechanism)

    def _check_receipt(self, receipt: bytes) -> None:
        if receipt != NO_RECEIPT and not self.ledger.knows(receipt):
            raise LedgerError(
                f"{self.ledger.path} was rolled back: the server holds a receipt for a release it lacks; restore the "
                "newest copy"
            )

    def _consent(self, announcement: Announcement) -> None:
        last = self.ledger.last_iteration(self.terms.platform_key)
        self.terms.check(announcement, last_iteration=last)
        self._check_whitening(announcement.model)

    def _check_cost(self, release: Release) -> None:
        """Refuse what the artist's terms or limit refuse, before anything is charged."""
        self.ledger.check(release)
        self.terms.check_cost(release, self.ledger, summed=self._memory.summed())

    def _check_whitening(self, model: StyleModel) -> None:
        if self.whitening is not None and model.whitening.digest != self.whitening.digest:
            raise PrivacyError("the announced model has another whitening than the one this artist began with")


def _release(announcement: Announcement, session: SessionMark | None) -> Release:
    """What an iteration costs in a session; None for one that is yet to come."""
    mechanism = announcement.mechanism
    name = "+".join(segment.name for segment in mechanism.layout.segments)
    return Release.of(mechanism, name=name, iteration=announcement.iteration, session=session)
