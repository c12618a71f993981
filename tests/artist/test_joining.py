"""ENL-1 to ENL-3: an artist joins, before a platform that a test scripts."""

from contextlib import closing, contextmanager

import pytest

from fedstyle_secure.aggregation.letters import Envelope, Purpose
from fedstyle_secure.artist import portfolio
from fedstyle_secure.artist.home import Home, read_pins
from fedstyle_secure.artist.joining import join, read_invitation
from fedstyle_secure.artist.portfolio import load_features
from fedstyle_secure.artist.termsfile import write_terms
from fedstyle_secure.errors import FedStyleError, InputError
from fedstyle_secure.wire.enrolment import Invitation, Join, Pins
from fedstyle_secure.wire.pins import PublicPins
from fedstyle_secure.wire.routes import Route, Status, encode_error
from tests.artist.stage import LOG, NAMED, ORIGIN, PLATFORM, SALT, make_model, public
from tests.artist.street import open_street
from tests.stand_ins import Eye


class Screen:
    """Where joining shows how far it is."""

    def __init__(self):
        self.told = []

    @contextmanager
    def stage(self, _name, _total):
        yield lambda _done: None

    def tell(self, sentence):
        self.told.append(sentence)


@pytest.fixture
def street(tmp_path, authority):
    with open_street(tmp_path / "street", authority) as street:
        street.answer = welcome
        yield street


def welcome(_path, body, *, encoder=NAMED, signer=PLATFORM):
    asked, model = Envelope.claims(body), make_model()
    space = Pins(
        style_space=model.style_space_digest,
        architecture=model.architecture_digest,
        encoder=encoder,
        log_origin=ORIGIN,
        leaf=4,
        salt=SALT,
    )
    reply = Envelope(
        sender=public(signer), recipient=asked.sender, purpose=Purpose.JOIN, session=0, round=0, body=space.encode()
    )
    return Status.DONE, reply.seal(signer)


@pytest.fixture
def invitation(street, authority):
    return Invitation(
        address=street.address,
        certificates=authority.pem,
        platform_key=public(PLATFORM),
        log_key=public(LOG),
        log_origin=ORIGIN,
        token=b"t" * 32,
        expires=1 << 40,
    )


@pytest.fixture
def pictures(art):
    return sorted(path for path in art.iterdir() if path.is_dir())[0]


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(portfolio, "open_encoder", Eye)


def begin(tmp_path, invitation, pictures, *, confirm=lambda _shown: None, terms=None, **options):
    arguments = {"name": None, "link": None, "nested": False, "weights": None, "screen": Screen()}
    text = write_terms({"encoders": (NAMED,)} | (terms or {}))
    with closing(Home.make(tmp_path / "home", text)) as home:
        return join(home, invitation, pictures, confirm=confirm, **(arguments | options))


def test_enl1_a_token_a_name_and_terms_go_out_and_nothing_of_an_artwork(tmp_path, invitation, pictures, street):
    shown = []
    pins, gallery = begin(tmp_path, invitation, pictures, confirm=shown.append, name="Ada", link="https://ada.example")
    assert shown == [PublicPins.of(invitation).fingerprint] == [pins.fingerprint]
    ((path, sent),) = street.came
    asked = Envelope.open(sent, sender=pins.identity, recipient=public(PLATFORM), purpose=Purpose.JOIN)
    body = Join.decode(asked.body)
    assert (path, body.token, body.name, body.link) == ("/v1/join", b"t" * 32, "Ada", "https://ada.example")
    assert (body.terms.min_cohort, body.terms.epsilon) == (5, 8.0)
    assert len(sent) < 2000
    with closing(Home.open(tmp_path / "home")) as home:
        assert read_pins(home.folder) == pins
        assert len(load_features(home)) == len(gallery.portfolios[0].artworks)
        assert home.identity.public_key().public_bytes_raw() == pins.identity
        assert (home.ledger_path.parent / "recovery.json").exists()


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (Status.GONE, "this invitation was used by another key: ask the operator for a new one"),
        (Status.GONE, "this invitation has expired: ask the operator for a new one"),
        (Status.UNKNOWN, "this invitation is not of this platform: ask the operator for another"),
    ],
)
def test_a_platform_that_refuses_is_quoted_and_nothing_is_joined(
    tmp_path, invitation, pictures, street, status, reason
):
    street.scripted[Route.JOIN.value] = [(status, encode_error(reason), {})]
    with pytest.raises(FedStyleError, match=f"refused to let you join .{status}.: {reason}"):
        begin(tmp_path, invitation, pictures)
    with pytest.raises(InputError, match="has joined no platform"):
        Home.open(tmp_path / "home")


def test_enl2_stopped_before_it_was_whole_joining_goes_on_with_the_same_key(
    tmp_path, invitation, pictures, street, monkeypatch
):
    def die(*_arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("fedstyle_secure.artist.joining.keep_features", die)
        with pytest.raises(KeyboardInterrupt):
            begin(tmp_path, invitation, pictures)
    begin(tmp_path, invitation, pictures)
    first, second = street.calls(Route.JOIN.value)
    assert first == second


def test_enl3_a_fingerprint_that_the_artist_does_not_know_stops_it_before_anything_is_sent(
    tmp_path, invitation, pictures, street
):
    def unknown(shown):
        raise FedStyleError(f"{shown} is not what I was told")

    with pytest.raises(FedStyleError, match="is not what I was told"):
        begin(tmp_path, invitation, pictures, confirm=unknown)
    assert street.came == []


def test_enl3_what_another_signed_is_no_answer(tmp_path, invitation, pictures, street):
    street.answer = lambda path, body: welcome(path, body, signer=LOG)
    with pytest.raises(FedStyleError, match="is not the platform of the invitation"):
        begin(tmp_path, invitation, pictures)


def test_an_encoder_that_the_artist_did_not_allow_looks_at_nothing(tmp_path, invitation, pictures, street):
    street.answer = lambda path, body: welcome(path, body, encoder="eye@1")
    with pytest.raises(InputError, match="which is not among the encoders"):
        begin(tmp_path, invitation, pictures)
    assert list((tmp_path / "home" / "features").iterdir()) == []


def test_more_artworks_than_the_public_bound_are_told_before_anything_is_sent(tmp_path, invitation, pictures, street):
    with pytest.raises(InputError, match=r"holds 6 artworks, and max_artworks in .*terms.toml is 5"):
        begin(tmp_path, invitation, pictures, terms={"max_artworks": 5})
    assert street.came == []


def test_an_invitation_is_a_file_of_its_own_kind(tmp_path, invitation):
    path = tmp_path / "ada.invitation"
    path.write_bytes(invitation.encode() + b"\n")
    assert read_invitation(path) == invitation
    path.write_bytes(invitation.encode()[:-1])
    with pytest.raises(InputError, match="ask the operator to send the file again"):
        read_invitation(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_invitation(tmp_path / "nothing")
