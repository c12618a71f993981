"""The artist's house: from an announced iteration to masked bytes. What an artist keeps never leaves this object.

AGT-1  The ledger is charged before any feature is touched; a refused charge means no answer at all.
AGT-2  What each tensor's support is, the artist decides from its own code; a layout that claims otherwise is refused.
AGT-3  An iteration is taken part in once: numbers must rise.
AGT-4  After a charge the server is given a receipt of the ledger, and an announcement brings the newest one back: a
       ledger restored from a backup is noticed before it is charged again. A server that forgets receipts on purpose
       brings none; then only a copy of the ledger's head, kept elsewhere, can tell.
AGT-5  The cohorts that this artist uploaded to are remembered: a later one that too few artists joined or left since is
       refused. An announcement without an upload is not remembered, and locks nobody out.
AGT-6  The prototype that an artist takes out of its artworks was charged for and made noisy, though nobody sees it.
AGT-7  An artist trains in one style space: that of its enrolment, or else of the first iteration it takes part in;
       another whitening is refused, for a prototype as well.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..aggregation.masking import Enrolment, MaskedSession, mask
from ..aggregation.session import Cohorts, Subject
from ..announcement import NO_RECEIPT, Announcement
from ..encoder.features import StyleFeatures
from ..encoder.model import StyleModel
from ..encoder.whitening import Whitening, to_unit
from ..errors import PrivacyError
from ..privacy.clipping import Unit
from ..privacy.ledger import Ledger, LedgerError
from ..privacy.mechanism import Mechanism
from ..privacy.pipeline import protect
from ..privacy.quantization import dequantize
from ..privacy.randomness import RandomBytes
from ..privacy.releases import Release
from ..privacy.shrinkage import kept_fraction
from ..privacy.sizing import Mode
from ..training.codebook import Codebook
from ..training.moments import Prototype, outer_product_rows
from ..training.tensors import HEAD, MOMENTS
from ..training.updates import Contributions, Support, one_by_one

SIGNATURE = "signature"
"""Name of the one tensor of a signature release."""

PROTOTYPE = "prototype"
"""Name of the one tensor of a prototype's release."""

_SUPPORT = {HEAD: Support.COHORT, MOMENTS: Support.COHORT}
"""True support of every tensor an artist can be asked for."""


@dataclass(slots=True, kw_only=True, eq=False)
class Artist:
    """One artist's agent.

    Attributes:
        features: Raw features of the training artworks, all views; private.
        codebook: Public anchors.
        codeword: The anchor this artist trains towards; secret.
        enrolment: Key, roster and conditions.
        ledger: What was spent, and the limit.
        mode: Where the artist agreed that noise comes from.
        unit: What the artist agreed is protected.
        random: Source of secret random bytes.
        last_iteration: Newest iteration it took part in; whoever makes this object again hands it in.
        last_session: Highest number of a session it took part in; handed in likewise.
        cohorts: Those of the sessions it uploaded to; handed in likewise.
        whitening: Pinned at enrolment, or else that of the first iteration it took part in; None before.
    """

    features: StyleFeatures = field(repr=False)
    codebook: Codebook = field(repr=False)
    codeword: int = field(repr=False)
    enrolment: Enrolment = field(repr=False)
    ledger: Ledger
    mode: Mode
    unit: Unit
    random: RandomBytes = field(repr=False)
    last_iteration: int = 0
    last_session: int = 0
    cohorts: Cohorts = field(default_factory=Cohorts, repr=False)
    whitening: Whitening | None = field(default=None, repr=False)
    _prototype: Prototype | None = field(default=None, init=False, repr=False)
    _whitened: NDArray[np.float32] | None = field(default=None, init=False, repr=False)
    _session: MaskedSession | None = field(default=None, init=False, repr=False)

    def receive_announcement(self, data: bytes) -> bytes:
        """Check an announced iteration, charge for it, and prepare the masked upload.

        Args:
            data: An encoded `Announcement`.

        Returns:
            The next receipt, 32 bytes: nothing of the artworks, for the server to bring back (AGT-4).

        Raises:
            InputError: Not an announcement.
            LedgerError: The ledger lacks releases it once had.
            PrivacyError: It asks for something this artist did not agree to, or for more than the ledger's limit.
        """
        self._session = None
        announcement = Announcement.decode(data, self.whitening)
        self._check_receipt(announcement.receipt)
        self._consent(announcement)
        mechanism, model = announcement.mechanism, announcement.model
        self.last_iteration = announcement.iteration
        name = "+".join(segment.name for segment in mechanism.layout.segments)
        self.ledger.charge(Release.of(mechanism, name=name, iteration=announcement.iteration))
        self.whitening = model.whitening
        if self._whitened is None:
            self._whitened = one_by_one(model.whiten, self.features.views)
        contributions = contribute(
            self.features,
            model,
            mechanism,
            self.codebook,
            self.codeword,
            prototype=self._prototype,
            whitened=self._whitened,
        )
        update = protect(contributions, mechanism, self.random)
        subject = Subject(
            iteration=announcement.iteration,
            model_digest=model.digest,
            architecture_digest=model.architecture_digest,
            anchors_digest=self.codebook.digest,
        )
        self._session = mask(
            lambda: update,
            mechanism=mechanism,
            subject=subject,
            last_session=self.last_session,
            enrolment=self.enrolment,
            random=self.random,
            earlier=self.cohorts,
        )
        return self.ledger.receipt

    def receive_request(self, data: bytes) -> bytes:
        """Answer one request of the secure aggregation session.

        Raises:
            ProtocolError: The client refuses; see `MaskedSession.receive`.
            PrivacyError: No iteration was announced.
        """
        if self._session is None:
            raise PrivacyError("a session's request came before its iteration was announced")
        try:
            response = self._session.receive(data)
        finally:
            self.last_session = self._session.last_session
        if self._session.roster:
            self.cohorts.add(self._session.roster)
        return response

    def release_prototype(self, model: StyleModel, mechanism: Mechanism) -> None:
        """Make a private prototype in the public style space, to be taken out of artworks before their moments.

        It never leaves the artist. It is noisy and charged for all the same, because everything made with it does.

        Args:
            model: Its whitening makes the style space, of d dimensions.
            mechanism: A release of one artist alone: one tensor of d coordinates, one client.

        Raises:
            PrivacyError: It would exceed the ledger's limit, promises another privacy than agreed, or is about another
                style space (AGT-7).
        """
        self._check_whitening(model)
        noisy = self._release_alone(PROTOTYPE, model.whiten, mechanism)
        noise = (mechanism.sigma_share / mechanism.scale) ** 2 * noisy.size
        self._prototype = Prototype(to_unit(noisy.astype(np.float32)), kept_fraction(noisy, noise))

    def publish_signature(
        self, embed: Callable[[NDArray[np.float32]], NDArray[np.float32]], mechanism: Mechanism
    ) -> NDArray[np.float32]:
        """Release a private mean of this artist's embeddings, in the clear, for the catalogue.

        Args:
            embed: Maps raw features [1, features] to the signature space, float32 [1, d]; called after the charge, for
                one artwork at a time.
            mechanism: A release of one artist alone: one tensor, one client.

        Returns:
            A unit vector, float32 [d]; its noise is this artist's own, whoever else is honest.

        Raises:
            PrivacyError: It would exceed the ledger's limit, or promises another privacy than agreed.
        """
        return to_unit(self._release_alone(SIGNATURE, embed, mechanism).astype(np.float32))

    def _release_alone(
        self, name: str, embed: Callable[[NDArray[np.float32]], NDArray[np.float32]], mechanism: Mechanism
    ) -> NDArray[np.float64]:
        """The noisy sum of this artist's embeddings, charged first; all of its noise is this artist's own."""
        if (mechanism.mode, mechanism.unit, mechanism.clients) != (self.mode, self.unit, 1):
            raise PrivacyError(f"a {name} is released by one artist alone, in mode {self.mode} per {self.unit}")
        self.ledger.charge(Release.of(mechanism, name=name, iteration=self.last_iteration))
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
        mechanism = announcement.mechanism
        if (mechanism.mode, mechanism.unit) != (self.mode, self.unit):
            raise PrivacyError(
                f"the server announced mode {mechanism.mode} per {mechanism.unit}, "
                f"this artist agreed to {self.mode} per {self.unit}"
            )
        if announcement.iteration <= self.last_iteration:
            raise PrivacyError(
                f"iteration {announcement.iteration} was announced after {self.last_iteration}: numbers must rise"
            )
        if announcement.model.architecture_digest not in self.enrolment.architectures:
            raise PrivacyError("the announced model has an architecture this artist did not agree to train")
        self._check_whitening(announcement.model)
        for segment in mechanism.layout.segments:
            if _SUPPORT.get(segment.name) is not segment.support:
                raise PrivacyError(
                    f"the server asks for tensor {segment.name!r} with support {segment.support}: refused"
                )

    def _check_whitening(self, model: StyleModel) -> None:
        if self.whitening is not None and model.whitening.digest != self.whitening.digest:
            raise PrivacyError("the announced model has another whitening than the one this artist began with")


def contribute(
    features: StyleFeatures,
    model: StyleModel,
    mechanism: Mechanism,
    codebook: Codebook,
    codeword: int,
    *,
    prototype: Prototype | None = None,
    whitened: NDArray[np.float32] | None = None,
) -> Contributions:
    """One row per artwork: the tensors that the layout names, side by side.

    Args:
        features: Raw features, all views.
        model: The announced model.
        mechanism: Names the tensors.
        codebook: Public anchors.
        codeword: The artist's secret anchor.
        prototype: The artist's own style, taken out of its artworks before moments are made; None for nothing.
        whitened: All views in the model's public style space, if they were brought there before.
    """
    if whitened is None:
        whitened = one_by_one(model.whiten, features.views)
    layout = mechanism.layout

    def row(views: NDArray[np.float32]) -> NDArray[np.float32]:
        tensors: dict[str, NDArray[np.float32]] = {}
        asked = {segment.name for segment in layout.segments}
        if HEAD in asked:
            from ..training.objective import per_artwork_gradients

            tensors[HEAD] = per_artwork_gradients(model.head, model.align(views[:, 1:]), codeword, codebook)
        if MOMENTS in asked:
            plain = views[:, 0]
            tensors[MOMENTS] = outer_product_rows(plain if prototype is None else prototype.remove_from(plain))
        return Contributions.join(tensors, layout.segments).rows

    return Contributions(one_by_one(row, whitened), layout)
