"""OFR-1 to OFR-4, EGM-1 to EGM-3: what an artist's agent agrees to, and what it remembers of that."""

import json
from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from types import SimpleNamespace

import numpy as np
import pytest

from fedstyle_secure.aggregation.kinds import Protocol
from fedstyle_secure.aggregation.letters import Envelope, Purpose
from fedstyle_secure.artist import agent, engagement
from fedstyle_secure.artist import artist as artist_module
from fedstyle_secure.artist.client import Line
from fedstyle_secure.artist.engagement import Engagement
from fedstyle_secure.artist.home import UNSIGNED
from fedstyle_secure.artist.offers import OfferError, roster_name
from fedstyle_secure.artist.portfolio import load_showcase, show_works
from fedstyle_secure.artist.recovery import open_ledger
from fedstyle_secure.artist.showcase import read_showcase, with_showcase
from fedstyle_secure.artist.store import StoreError
from fedstyle_secure.artist.termsfile import write_terms
from fedstyle_secure.encoder.whitening import to_unit
from fedstyle_secure.errors import FedStyleError, InputError
from fedstyle_secure.privacy.ledger import Ledger, LedgerError
from fedstyle_secure.privacy.quantization import dequantize
from fedstyle_secure.transparency.leaves import Joined, commit_identity
from fedstyle_secure.transparency.tree import ProofError
from fedstyle_secure.transparency.watch import ForkError
from fedstyle_secure.wire.enrolment import Publish
from fedstyle_secure.wire.routes import Route, Status
from fedstyle_secure.wire.trainings import Asked
from tests.artist import stage
from tests.artist.stage import OTHERS, PLATFORM, SALT, Stage, alone, make_model, public
from tests.stand_ins import Eye
from threat_models.scripted import scripted


@pytest.fixture
def on_stage(street):
    made = Stage()
    street.answer = made.serve
    return made


@pytest.fixture
def home(tmp_path, art, monkeypatch, street, authority):
    folder = tmp_path / "home"
    with closing(stage.settle(folder, art, monkeypatch, address=street.address, certificates=authority.pem)) as home:
        yield home


@pytest.fixture
def engaged(home, street, authority):
    with Line(street.address, authority.pem) as line:
        yield Engagement(home, line)


def names(home):
    return [release.name for release in open_ledger(home.ledger_path, home.terms).releases]


def again(home, engaged):
    """As it is after the agent was killed."""
    return Engagement(home, engaged._line)


class TestOffers:
    def test_egm1_an_offer_within_the_terms_is_agreed_to_once(self, home, on_stage, engaged):
        facts = on_stage.facts(home)
        offer = on_stage.offer(facts)
        engaged.receive_offer(offer.encode())
        assert engaged.facts == facts
        assert names(home) == ["prototype"]
        again(home, engaged).receive_offer(offer.encode())
        assert again(home, engaged).facts == facts
        later = replace(facts, number=2)
        again(home, engaged).receive_offer(on_stage.offer(later, since=4).encode())
        assert again(home, engaged).facts == later
        assert names(home) == ["prototype"]

    @pytest.mark.parametrize(
        ("changes", "sentence"),
        [
            ({"number": 0}, "numbers are 1 to"),
            ({"style_space": bytes(32)}, "about another style space"),
            ({"architecture": bytes(32)}, "another architecture"),
            ({"anchors": bytes(32)}, "anchors are not the public ones"),
            ({"unit": "artist"}, "distributed per artist is offered, distributed per artwork is in the terms"),
            ({"mode": "local"}, "local per artwork is offered"),
            ({"sampling_rate": 0.5}, "sampling rate 0.5 is offered, 1 is in the terms"),
            ({"corrupt": 0}, "noise against 0 accomplices is offered, 1 are the least among 8"),
            ({"min_cohort": 4}, "5 is the least"),
            ({"min_survivors": 4}, "sums of 4, are offered; 5 is the least"),
            ({"buckets": 2}, "cohorts of 4"),
            ({"max_artworks": 99}, "a bound of 99 artworks is offered, 100 is in the terms"),
            ({"round_seconds": 9}, "9 seconds are left for an answer, 10 are the least"),
            ({"announcement_seconds": 1}, "1 seconds are left"),
            (
                {"protocol": Protocol.SPEAKONCE, "announcement_seconds": 1201},
                "3 windows of 1201 seconds are longer than patience, 3600",
            ),
            ({"asked": Asked(aggregate=8.1, local=None, worst_case=None, delta=1e-5)}, "epsilon 8.1 at delta 1e-05"),
            ({"asked": Asked(aggregate=None, local=None, worst_case=None, delta=1e-5)}, "epsilon None"),
            ({"asked": Asked(aggregate=1.0, local=None, worst_case=None, delta=1e-3)}, "at delta 0.001 is asked for"),
            ({"prototype": alone("prototype", stage.D, noise_multiplier=0.3)}, "a prototype would cost more than 7"),
        ],
    )
    def test_ofr1_what_is_less_than_the_terms_is_refused_and_costs_nothing(
        self, home, on_stage, engaged, changes, sentence
    ):
        kinds = {"unit": stage.Unit, "mode": stage.Mode}
        changes = {name: kinds[name](value) if name in kinds else value for name, value in changes.items()}
        with pytest.raises((OfferError, InputError), match=sentence):
            engaged.receive_offer(on_stage.offer(on_stage.facts(home, **changes)).encode())
        assert engaged.facts is None
        assert names(home) == []
        assert engaged._artist is None

    def test_ofr1_sessions_of_another_kind_than_the_terms_name_are_refused(self, home, on_stage, engaged):
        facts = on_stage.facts(home, protocol=Protocol.SPEAKONCE)
        path = home.folder / "terms.toml"
        path.write_text(path.read_text().replace('["secagg", "speakonce"]', '["secagg"]'))
        with pytest.raises(OfferError, match="speakonce is offered, secagg is in the terms"):
            engaged.receive_offer(on_stage.offer(facts).encode())
        path.write_text(path.read_text().replace('["secagg"]', '["secagg", "speakonce"]'))
        engaged.receive_offer(on_stage.offer(facts, since=0).encode())
        assert engaged._artist.beacon is not None
        assert names(home) == ["prototype"]

    def test_ofr1_a_roster_without_the_own_key_is_kept_as_evidence(self, home, on_stage, engaged):
        facts = on_stage.facts(home, roster=(*OTHERS, b"x" * 32))
        with pytest.raises(OfferError, match="own key is not on the roster of generation 1"):
            engaged.receive_offer(on_stage.offer(facts).encode())
        (kept,) = (home.folder / "evidence").iterdir()
        assert kept.name.startswith("roster-")
        assert kept.read_bytes() == facts.encode()

    def test_ofr2_too_many_newcomers_wait_for_the_artist(self, home, on_stage, engaged):
        facts = on_stage.facts(home)
        engaged.receive_offer(on_stage.offer(facts).encode())
        grown = (*facts.roster, *(bytes([number]) * 32 for number in range(100, 105)))
        larger = on_stage.facts(home, number=2, generation=2, roster=grown, corrupt=2)
        offer = on_stage.offer(larger, since=4).encode()
        with pytest.raises(OfferError, match="5 of 13 artists on its roster are new") as told:
            engaged.receive_offer(offer)
        assert f"--accept-roster {roster_name(grown)}" in str(told.value)
        for wrong in ("", "0" * 16):
            with pytest.raises(OfferError):
                Engagement(home, engaged._line, agreed_to=wrong).receive_offer(offer)
        Engagement(home, engaged._line, agreed_to=roster_name(grown)).receive_offer(offer)
        assert engaged.facts == larger

    def test_ofr2_accomplices_grow_with_the_roster(self, home, on_stage, engaged):
        roster = (*on_stage.facts(home).roster, *(bytes([number]) * 32 for number in range(100, 104)))
        with pytest.raises(OfferError, match="noise against 1 accomplices is offered, 2 are the least among 12"):
            engaged.receive_offer(on_stage.offer(on_stage.facts(home, roster=roster)).encode())

    def test_ofr3_an_older_training_is_refused(self, home, on_stage, engaged):
        engaged.receive_offer(on_stage.offer(on_stage.facts(home, number=5)).encode())
        shown = list(on_stage.leaves)
        for number in (4, 5):
            on_stage.leaves = list(shown)
            changed = on_stage.facts(home, number=number, round_seconds=61)
            with pytest.raises(OfferError, match=f"training {number} is offered after training 5"):
                engaged.receive_offer(on_stage.offer(changed, since=4).encode())

    @pytest.mark.parametrize(
        ("model", "sentence"),
        [
            (make_model(dimensions=stage.D - 1).encode(), "another architecture than the pinned one"),
            (make_model(encoder="eye@1").encode(), "another architecture"),
            (make_model(1).encode(), "another style space"),
            (b"\x80\x04K\x01.", "cannot be read: not a style model"),
        ],
    )
    def test_ofr4_another_model_is_refused(self, home, on_stage, engaged, model, sentence):
        facts = on_stage.facts(home, model=on_stage.keep(model))
        with pytest.raises(OfferError, match=sentence):
            engaged.receive_offer(on_stage.offer(facts).encode())
        assert names(home) == []

    def test_ofr4_other_bytes_than_were_offered_are_refused(self, home, on_stage, engaged):
        facts = on_stage.facts(home)
        on_stage.files[facts.model] += b"\0"
        with pytest.raises(FedStyleError, match="serves another model than it named"):
            engaged.receive_offer(on_stage.offer(facts).encode())


class TestLog:
    def test_egm3_a_forked_log_is_evidence_and_the_end(self, home, on_stage, engaged, street):
        engaged.receive_offer(on_stage.offer(on_stage.facts(home)).encode())
        facts = on_stage.facts(home, number=2)
        on_stage.leaves[1] = Joined(commitment=b"j" * 32)
        offer = on_stage.offer(facts, since=4).encode()
        with pytest.raises(ForkError):
            engaged.receive_offer(offer)
        (kept,) = (home.folder / "evidence").iterdir()
        assert json.loads(kept.read_bytes())["log"] == stage.ORIGIN
        request = Envelope(
            sender=public(PLATFORM),
            recipient=public(home.identity),
            purpose=Purpose.OFFER,
            session=0,
            round=2,
            body=offer,
        ).seal(PLATFORM)
        street.scripted[Route.NEXT.value] = [(Status.DONE, request, {})]
        for _ in range(2):  # once, and after a restart
            with pytest.raises(agent.StoppedError, match="shows another history than before"):
                agent.Agent(home).run()
        assert engaged.facts.number == 1

    def test_egm3_a_training_that_is_not_in_the_log_is_refused(self, home, on_stage, engaged):
        offer = on_stage.offer(on_stage.facts(home))
        with pytest.raises(ProofError):
            engaged.receive_offer(replace(offer, facts=replace(offer.facts, round_seconds=61)).encode())
        assert [path.name.partition("-")[0] for path in (home.folder / "evidence").iterdir()] == ["offer"]

    def test_egm3_a_log_that_does_not_hold_the_own_entry_is_refused(self, home, on_stage, engaged):
        facts = on_stage.facts(home)
        on_stage.leaves[1] = Joined(commitment=commit_identity(OTHERS[0], SALT))
        with pytest.raises(ProofError, match="entry 1 is not in the log"):
            engaged.receive_offer(on_stage.offer(facts).encode())
        assert [path.name.partition("-")[0] for path in (home.folder / "evidence").iterdir()] == ["offer"]

    def test_a_proof_from_another_size_is_asked_for_anew(self, home, on_stage, engaged, street):
        """The platform believes that this artist saw more, or less, than it did."""
        engaged.receive_offer(on_stage.offer(on_stage.facts(home)).encode())
        on_stage.offer(on_stage.facts(home, number=2))  # which never arrived
        offer = on_stage.offer(on_stage.facts(home, number=3), since=6)
        proof = [node.hex() for node in on_stage.tree.prove_growth(4, 8)]
        street.scripted[Route.CONSISTENCY.value] = [(Status.DONE, json.dumps({"hashes": proof}).encode(), {})]
        engaged.receive_offer(offer.encode())
        assert engaged.facts.number == 3


class TestSigning:
    @pytest.fixture
    def over(self, home, on_stage, engaged, street):
        """A training that is over; and a platform that enters what is published."""
        facts = on_stage.facts(home)
        engaged.receive_offer(on_stage.offer(facts).encode())
        engaged.receive_outcome(on_stage.outcome(facts).encode())

        street.answer = on_stage.entering(home)
        return facts

    def test_a_signature_is_published_once_for_one_charge(self, home, over, engaged, street):
        assert home.store.read(UNSIGNED)
        assert engaged.sign() == 9
        assert home.store.read(UNSIGNED) is None
        again(home, engaged).receive_outcome(home.store.read("outcome"))  # told once more
        assert home.store.read(UNSIGNED) is None
        (sent,) = street.calls(Route.PUBLISH.value)
        publish = Publish.decode(Envelope.claims(sent).body)
        assert (publish.training, publish.name, publish.link) == (over.digest, "Ada", "https://ada.example")
        assert np.linalg.norm(np.frombuffer(publish.vector, "<f4")) == pytest.approx(1, abs=1e-5)
        assert names(home) == ["prototype", "signature"]

    @pytest.mark.usefixtures("over")
    def test_killed_before_it_was_published_the_same_signature_goes_out(self, home, engaged, street, monkeypatch):
        def die(*_arguments):
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(engagement, "act", die)
            with pytest.raises(KeyboardInterrupt):
                engaged.sign()
        again(home, engaged).sign()
        again(home, engaged).sign()
        first, second = (Publish.decode(Envelope.claims(each).body) for each in street.calls(Route.PUBLISH.value))
        assert first == second
        assert names(home) == ["prototype", "signature"]

    @pytest.mark.usefixtures("over")
    def test_only_terms_that_say_so_sign_by_themselves(self, home, street):
        def settle(*, sign):
            (home.folder / "terms.toml").write_text(write_terms({"sign": sign, "encoders": (stage.NAMED,)}))
            street.scripted[Route.NEXT.value] = [(Status.NOTHING, b"", {})]
            stops = iter([False, True])
            agent.Agent(home).run(until=lambda: next(stops))
            return len(street.calls(Route.PUBLISH.value))

        assert [settle(sign=False), settle(sign=True), settle(sign=True)] == [0, 1, 1]

    def test_the_outcome_of_another_training_is_refused(self, over, engaged, on_stage):
        with pytest.raises(FedStyleError, match="takes no part in"):
            engaged.receive_outcome(on_stage.outcome(replace(over, number=9)).encode())

    def test_nothing_is_signed_before_a_training_is_over(self, engaged):
        with pytest.raises(FedStyleError, match="no training is over yet"):
            engaged.sign()


class Loud(Eye):
    """What an adversary's pictures may look like: numbers of any size."""

    def encode(self, image):
        return 50 * super().encode(image)


class TestShowcase:
    """An artist whose agent signs by itself, with the same noise whatever is shown."""

    @pytest.fixture
    def signed(self, tmp_path, art, monkeypatch, street, authority):
        """What an agent with such a showcase protected, charged and published, and its home's showcase."""
        protect, protected = artist_module.protect, []

        def watch(contributions, mechanism, random):
            update = protect(contributions, mechanism, random)
            protected.append((contributions.rows, update.values, mechanism))
            return update

        monkeypatch.setattr(artist_module, "protect", watch)

        def sign(name, folder, eye=Eye):
            known = {"address": street.address, "certificates": authority.pem}
            on_stage = Stage()
            protected.clear()
            monkeypatch.setattr(engagement, "os", SimpleNamespace(urandom=scripted("the same noise")))
            with closing(stage.settle(tmp_path / name, art, monkeypatch, **known, sign=True)) as home:
                if folder is not None:
                    show_works(home, read_showcase(folder), eye(), lambda _done: None)
                facts = on_stage.facts(home)
                street.answer = on_stage.entering(home)
                with Line(street.address, authority.pem) as line:
                    engaged = Engagement(home, line)
                    engaged.receive_offer(on_stage.offer(facts).encode())
                    engaged.receive_outcome(on_stage.outcome(facts).encode())
                street.scripted[Route.NEXT.value] = [(Status.NOTHING, b"", {})]
                agent.Agent(home).run(until=iter([False, True]).__next__)
                releases = open_ledger(home.ledger_path, home.terms).releases
                shown = load_showcase(home)
            sent = Publish.decode(Envelope.claims(street.calls(Route.PUBLISH.value)[-1]).body)
            vector = np.frombuffer(sent.vector, "<f4")
            return list(protected), [(each.name, each.events) for each in releases], vector, shown

        return sign

    def test_shc1_what_a_home_shows_is_in_nothing_that_is_clipped_noised_and_charged(self, signed, art):
        other = sorted(path for path in art.iterdir() if path.is_dir())[1]
        alone_ = signed("alone", None)
        assert [name for name, _ in alone_[1]] == ["prototype", "signature"]
        for name, eye in (("beside", Eye), ("beside shouts", Loud)):
            protected, charged, vector, shown = signed(name, other, eye)
            assert len(shown) == 6
            for (rows, noisy, _), (rows_alone, noisy_alone, _) in zip(protected, alone_[0], strict=True):
                np.testing.assert_array_equal(rows, rows_alone)
                np.testing.assert_array_equal(noisy, noisy_alone)
            assert charged == alone_[1]
            assert np.abs(vector - alone_[2]).max() > 0.01

    def test_what_is_published_is_the_noisy_sum_beside_what_is_shown(self, signed, art):
        other = sorted(path for path in art.iterdir() if path.is_dir())[1]
        on_stage = Stage()
        for name, folder in (("alone", None), ("beside", other)):
            protected, _, vector, shown = signed(name, folder)
            _, values, mechanism = protected[-1]
            expected = dequantize(values, mechanism)
            if folder:
                rows = on_stage.space.apply(on_stage.model.embed(shown.views[:, 0]))
                expected = with_showcase(expected, mechanism.sigma_share / mechanism.scale, rows)
            np.testing.assert_allclose(vector, to_unit(expected), atol=1e-5)


class TestLedger:
    def test_egm2_the_recovery_file_keeps_up(self, home, on_stage, engaged):
        recovery = home.ledger_path.parent / "recovery.json"
        engaged.receive_offer(on_stage.offer(on_stage.facts(home)).encode())
        assert json.loads(recovery.read_bytes())["ledger"].encode() == home.ledger_path.read_bytes()

    def test_a_ledger_that_cannot_be_written_is_trouble_and_no_refusal(self, home, on_stage, engaged, monkeypatch):
        def full(*_arguments):
            raise LedgerError("free some disk space")

        offer = on_stage.offer(on_stage.facts(home)).encode()
        with monkeypatch.context() as patched:
            patched.setattr(Ledger, "charge", full)
            with pytest.raises(StoreError, match="free some disk space"):
                engaged.receive_offer(offer)
        assert engaged.facts is None
        again(home, engaged).receive_offer(offer)
        assert names(home) == ["prototype"]


def test_rosters_have_names():
    assert roster_name(OTHERS) == sha256(b"".join(OTHERS)).hexdigest()[:16]
