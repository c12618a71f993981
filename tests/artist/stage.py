"""A platform's word as one artist hears it: a log that grows, a model, and offers of trainings, all of it real."""

import time
from dataclasses import replace
from functools import cached_property
from hashlib import sha256

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fedstyle_secure.aggregation.letters import Envelope
from fedstyle_secure.artist import portfolio
from fedstyle_secure.artist.home import Home
from fedstyle_secure.artist.pins import PlatformPins
from fedstyle_secure.artist.termsfile import write_terms
from fedstyle_secure.artworks.reader import read_portfolio
from fedstyle_secure.encoder.model import StyleModel
from fedstyle_secure.encoder.signature_space import SignatureSpace
from fedstyle_secure.encoder.whitening import Whitening
from fedstyle_secure.privacy.clipping import Unit
from fedstyle_secure.privacy.mechanism import plan
from fedstyle_secure.privacy.sizing import Mode, Noise
from fedstyle_secure.training.codebook import OUTPUTS, new_codebook
from fedstyle_secure.training.updates import Layout, Segment, Support
from fedstyle_secure.transparency.checkpoints import Checkpoint
from fedstyle_secure.transparency.leaves import Epoch, Generation, Joined, Training, commit_identity, commit_roster
from fedstyle_secure.transparency.tree import Tree
from fedstyle_secure.transparency.watch import Place
from fedstyle_secure.wire.enrolment import Entered, Pins
from fedstyle_secure.wire.log import encode_proof
from fedstyle_secure.wire.routes import Route, Status
from fedstyle_secure.wire.trainings import Asked, Facts, Offer, Outcome, Plan
from tests.stand_ins import Eye

D, FEATURES, NAMED = 8, 24, "lite0@0"
ORIGIN, SALT = "gallery.example/log/1", bytes(32)
PLATFORM, LOG = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
OTHERS = tuple(bytes([number]) * 32 for number in range(1, 8))


def public(key):
    return key.public_key().public_bytes_raw()


def alone(name, length, **changes):
    """A release of one artist alone."""
    settings = {"mode": Mode.DISTRIBUTED, "unit": Unit.ARTWORK, "noise_multiplier": 4.0, "max_artworks": 100}
    settings |= {"clients": 1, "corrupt": 0, "min_survivors": 1, "rotation_seed": bytes(32)}
    segment = Segment(name=name, length=length, support=Support.ARTIST, clip_norm=1.0, share=1.0)
    return plan(layout=Layout((segment,)), **(settings | changes))


def make_model(seed=0, *, dimensions=D, encoder=NAMED):
    rng = np.random.default_rng(seed)
    projection = rng.normal(size=(FEATURES, dimensions)).astype(np.float32)
    return StyleModel(
        whitening=Whitening(center=np.zeros(FEATURES, np.float32), projection=projection),
        alignment=np.eye(dimensions, dtype=np.float32),
        head=rng.normal(size=(OUTPUTS, dimensions)).astype(np.float32),
        residual=0.25,
        encoder=encoder,
    )


class Stage:
    """What the platform says; a test bends it.

    Attributes:
        leaves: Of the log.
        files: Public files by digest.
    """

    def __init__(self):
        self.model = make_model()
        self.leaves = [Epoch(number=1, size=0, root=bytes(32)), Joined(commitment=bytes(32))]
        self.files = {}
        self.keep(self.model.encode())

    def keep(self, content):
        self.files[sha256(content).digest()] = content
        return sha256(content).digest()

    def serve(self, path, _body):
        """Public files and places in the log, as a street answers."""
        if path.startswith(Route.INCLUSION):
            query = dict(part.split("=") for part in path.partition("?")[2].split("&"))
            return Status.DONE, encode_proof(self.tree.prove_entry(int(query["leaf"]), int(query["size"])))
        content = self.files.get(bytes.fromhex(path.rpartition("/")[2])) if path.startswith("/v1/files/") else None
        return (Status.MISSING, b"") if content is None else (Status.DONE, content)

    def entering(self, home, key=PLATFORM):
        """As `serve`, and whatever the artist asks for is entered into the log at place 9, as the key's owner says."""

        def answer(path, body):
            if path == Route.NEXT.value:
                time.sleep(0.05)
                return Status.NOTHING, b""
            if path not in {Route.PUBLISH.value, Route.WITHDRAW.value, Route.LEAVE.value}:
                return self.serve(path, body)
            asked = Envelope.claims(body)
            own, body = public(home.identity), Entered(leaf=9).encode()
            reply = Envelope(
                sender=public(key), recipient=own, purpose=asked.purpose, session=0, round=asked.round, body=body
            )
            return Status.DONE, reply.seal(key)

        return answer

    @property
    def tree(self):
        return Tree(leaf.encode() for leaf in self.leaves)

    def note(self):
        return Checkpoint(origin=ORIGIN, size=len(self.tree), root=self.tree.root()).sign(LOG)

    def facts(self, home, **changes):
        """A training of eight, this artist among them."""
        model = self.model
        self.leaves[1] = Joined(commitment=commit_identity(public(home.identity), SALT))
        plan_ = Plan(
            mode=Mode.DISTRIBUTED,
            unit=Unit.ARTWORK,
            noise=Noise.GAUSSIAN,
            sampling_rate=1.0,
            corrupt=1,
            min_cohort=5,
            min_survivors=6,
            max_artworks=100,
            multipliers=(4.0, 4.0),
            buckets=1,
            seed=bytes(32),
        )
        for name in Plan.__slots__:
            if name in changes:
                plan_ = replace(plan_, **{name: changes.pop(name)})
        facts = {
            "number": 1,
            "generation": 1,
            "roster": (*OTHERS, public(home.identity)),
            "salt": SALT,
            "plan": plan_,
            "asked": Asked(aggregate=6.0, local=None, worst_case=None, delta=1e-5),
            "prototype": alone("prototype", D),
            "style_space": model.style_space_digest,
            "model": model.digest,
            "architecture": model.architecture_digest,
            "anchors": new_codebook().digest,
            "announcement_seconds": 60,
            "round_seconds": 60,
        }
        return Facts(**(facts | changes))

    def offer(self, facts, *, since=0):
        """The training, entered into the log."""
        commitment = commit_roster(facts.roster, SALT)
        self.leaves += [
            Generation(number=facts.generation, members=len(facts.roster), commitment=commitment),
            Training(digest=facts.digest, generation=facts.generation),
        ]
        size = len(self.leaves)
        roster, training = (Place(leaf=at, proof=self.tree.prove_entry(at, size)) for at in (size - 2, size - 1))
        return Offer(
            facts=facts,
            checkpoint=self.note(),
            since=since,
            consistency=self.tree.prove_growth(since, size) if since else (),
            roster_place=roster,
            training_place=training,
        )

    @cached_property
    def space(self):
        return SignatureSpace.fit(np.diag(np.arange(D + OUTPUTS, dtype=float)), 6)

    def outcome(self, facts):
        return Outcome(
            training=facts.digest,
            model=self.model.digest,
            signature_space=self.keep(self.space.encode()),
            signature=alone("signature", 6),
            sums=(bytes(32), bytes(32)),
            survivors=(8, 7),
        )


def settle(folder, art, monkeypatch, *, address, certificates, **terms):
    """The home of an artist who joined, its artworks looked at by a stand-in."""
    home = Home.make(folder, write_terms({"encoders": (NAMED,)} | terms))
    model = make_model()
    (pictures, *_) = sorted(path for path in art.iterdir() if path.is_dir())
    with monkeypatch.context() as patched:
        patched.setattr(portfolio, "open_encoder", Eye)
        encoder = portfolio.choose_encoder(NAMED, (NAMED,), None)
    portfolio.keep_features(home, read_portfolio(pictures), encoder, lambda _done: None)
    space = Pins(
        style_space=model.style_space_digest,
        architecture=model.architecture_digest,
        encoder=NAMED,
        log_origin=ORIGIN,
        leaf=1,
        salt=SALT,
    )
    pins = PlatformPins(
        address=address,
        certificates=certificates,
        platform_key=public(PLATFORM),
        log_key=public(LOG),
        identity=public(home.identity),
        name="Ada",
        link="https://ada.example",
        space=space,
    )
    home.pin(pins)
    return home
