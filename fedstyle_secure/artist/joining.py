"""Joining a platform: the key is made here, possession is proved, the artworks are read once, and then all is pinned.

ENL-1  Nothing of an artwork is sent: a token, a name, the part of the terms that a platform plans within, a signature.
ENL-2  Stopped at any moment, joining goes on where it was, with the same key, by the same command.
ENL-3  What answers must be the platform of the invitation, whose fingerprint the artist has compared.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from ..aggregation.letters import Envelope, ProtocolError, Purpose
from ..artworks.artwork import Gallery
from ..artworks.reader import read_portfolio
from ..encoder.encoder import title_of
from ..errors import FedStyleError, InputError
from ..names import check_name
from ..wire.bodies import check_link
from ..wire.enrolment import Invitation, Join, Pins, Statement
from ..wire.pins import PublicPins
from ..wire.routes import Route
from .client import Line, ensure
from .home import Home
from .pins import PlatformPins
from .portfolio import choose_encoder, keep_features
from .recovery import open_ledger, write_recovery
from .termsfile import StandingTerms

_MOST_BYTES = 1 << 16


class Screen(Protocol):
    """Where joining shows how far it is."""

    def stage(self, name: str, total: int | None) -> AbstractContextManager[Callable[[int], None]]:
        """A bar."""
        ...

    def tell(self, sentence: str) -> None:
        """One line."""
        ...


def read_invitation(path: Path) -> Invitation:
    """Read the file that an operator handed over.

    Raises:
        InputError: It is none.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES)
    except OSError as error:
        raise InputError(f"the invitation {path} cannot be read: {error.strerror}") from error
    try:
        return Invitation.decode(data.removesuffix(b"\n"))
    except InputError as error:
        raise InputError(f"{path} is no invitation ({error}): ask the operator to send the file again") from error


def join(
    home: Home,
    invitation: Invitation,
    artworks: Path,
    *,
    name: str | None,
    link: str | None,
    nested: bool,
    weights: Path | None,
    confirm: Callable[[str], None],
    screen: Screen,
) -> tuple[PlatformPins, Gallery]:
    """Join a platform.

    Args:
        home: New, or begun by a joining that was stopped.
        invitation: From the operator.
        artworks: Folder of the artist's pictures.
        name: Under which buyers find the artist; None for the folder's name.
        link: Public address to show with it; None for none.
        nested: Take pictures in folders inside the folder, too.
        weights: File of an encoder that is not packaged.
        confirm: Is given the platform's fingerprint, and raises unless the artist knows it.
        screen: Where to show how far it is.

    Returns:
        What was pinned, and what was read.

    Raises:
        InputError: A picture, the terms or the invitation cannot be used.
        FedStyleError: The platform refuses, in its own words, or is another one.
    """
    terms = home.terms
    with screen.stage("Reading artworks", None):
        gallery = read_portfolio(artworks, nested=nested)
    portfolio = gallery.portfolios[0]
    own_name = portfolio.artist if name is None else name
    check_name(own_name)
    check_link(link)
    if len(portfolio.artworks) > terms.max_artworks:
        raise InputError(
            f"{artworks} holds {len(portfolio.artworks)} artworks, and max_artworks in {home.folder}/terms.toml is "
            f"{terms.max_artworks}: raise it, or leave some out"
        )
    confirm(PublicPins.of(invitation).fingerprint)
    body = Join(token=invitation.token, name=own_name, link=link, terms=statement(terms))
    space = _enrol(home, invitation, body, screen.tell)
    encoder = choose_encoder(space.encoder, terms.encoders, weights)
    with screen.stage(title_of(encoder), len(portfolio.artworks)) as advance:
        keep_features(home, gallery, encoder, advance)
    open_ledger(home.ledger_path, terms)
    write_recovery(home.ledger_path)
    identity = home.identity.public_key().public_bytes_raw()
    pins = PlatformPins.of(invitation, space, identity=identity, name=own_name, link=link)
    home.pin(pins)
    return pins, gallery


def _enrol(home: Home, invitation: Invitation, body: Join, tell: Callable[[str], None]) -> Pins:
    """Prove possession of the key, and hear what to pin (ENL-3)."""
    own = home.identity.public_key().public_bytes_raw()
    request = Envelope(
        sender=own, recipient=invitation.platform_key, purpose=Purpose.JOIN, session=0, round=0, body=body.encode()
    )
    with Line(invitation.address, invitation.certificates, on_trouble=tell) as line:
        answer = ensure(line.post(Route.JOIN, request.seal(home.identity)), "to let you join")
    try:
        reply = Envelope.open(answer, sender=invitation.platform_key, recipient=own, purpose=Purpose.JOIN)
    except ProtocolError as error:
        raise FedStyleError(
            f"what answers at {invitation.address} is not the platform of the invitation ({error}): ask the operator"
        ) from error
    return Pins.decode(reply.body)


def statement(terms: StandingTerms) -> Statement:
    """The part of the terms that a platform plans within (ENL-1)."""
    return Statement(
        mode=terms.privacy,
        unit=terms.unit,
        epsilon=terms.epsilon,
        delta=terms.delta,
        iteration_epsilon=terms.iteration_epsilon,
        corrupt=terms.accomplices,
        corrupt_share=terms.accomplices_share,
        min_cohort=terms.min_cohort,
        min_survivors=terms.min_cohort,
        sampling_rate=terms.sampling_rate,
        max_artworks=terms.max_artworks,
        encoders=terms.encoders,
    )
