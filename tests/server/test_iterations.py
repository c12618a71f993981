"""The loop with real artists over the memory engine: it learns, it bears dropouts, and aborts change nothing."""

import os
from dataclasses import replace

import numpy as np
import pytest
import torch

from fedstyle_secure.aggregation.joining import join
from fedstyle_secure.aggregation.session import Cohorts
from fedstyle_secure.aggregation.windows import KeysWanted, OwnBeacon
from fedstyle_secure.announcement import NO_RECEIPT, RECEIPT_BYTES, Announcement
from fedstyle_secure.artist import artist as artist_module
from fedstyle_secure.encoder.whitening import Whitening
from fedstyle_secure.engines.memory import Unreachable
from fedstyle_secure.errors import InputError, PrivacyError
from fedstyle_secure.privacy.mechanism import View
from fedstyle_secure.privacy.sizing import Mode
from fedstyle_secure.runs.evaluation import prototypes, rank, score
from fedstyle_secure.runs.train import DIMENSIONS, OUTPUTS
from fedstyle_secure.server.cohort import training_shares
from fedstyle_secure.server.iterations import NEVER_OPENED
from fedstyle_secure.server.robust import deal
from fedstyle_secure.training.objective import StyleHead, anchor_loss
from protocols.envelope import ENVELOPE_SIZE
from protocols.secagg.messages import AdvertiseKeysRequest

MULTIPLIERS = {Mode.NONE: 0.0, Mode.DISTRIBUTED: 0.25, Mode.LOCAL: 0.25}


def vanishing(message, *, iterations=(1, 2, 3)):
    """A guard: in these iterations, the artist vanishes before its answer number `message` of the session."""

    def guard(session):
        counts = {"session": 0, "answer": 0}

        def mailbox(request):
            if request[0] == AdvertiseKeysRequest.TAG:
                counts.update(session=counts["session"] + 1, answer=0)
            if counts["session"] in iterations and counts["answer"] == message:
                raise Unreachable
            counts["answer"] += 1
            return session(request)

        return mailbox

    return guard


def loss(federation, model) -> float:
    """The objective, summed over everybody's artworks."""
    head = StyleHead(torch.from_numpy(model.head.copy()))
    total = 0.0
    with torch.no_grad():
        for artist in federation.artists.values():
            aligned = torch.from_numpy(model.align(model.whiten(artist.features.views[:, 1:])))
            codewords = torch.full((len(aligned),), artist.codeword)
            total += float(anchor_loss(head(aligned), codewords, torch.from_numpy(artist.codebook.anchors)).sum())
    return total


def accuracy(town, federation, model) -> float:
    """Held-out artworks of the same hands, against exact prototypes of the training artworks."""
    targets = prototypes({name: model.embed(each.features.views[:, 0]) for name, each in federation.artists.items()})
    unseen = [town.features(k, artworks=60).views[town.ARTWORKS :, 0] for k in range(federation.clients)]
    queries = model.embed(np.concatenate(unseen))
    return score(rank(queries, targets), np.repeat(range(federation.clients), len(unseen[0])).tolist()).accuracy_at_1


@pytest.mark.parametrize("mode", list(Mode))
def test_a_small_federation_learns(mode, town):
    federation = town.federation(mode=mode, multipliers=(MULTIPLIERS[mode],) * 3)
    outcomes = federation.run()
    assert [outcome.iteration for outcome in outcomes] == [1, 2, 3]
    assert [outcome.problem for outcome in outcomes] == [""] * 3
    assert [outcome.aggregate.survivors for outcome in outcomes] == [8] * 3
    models = [town.model(), *[outcome.model for outcome in outcomes]]
    losses = [loss(federation, model) for model in models]
    assert losses[-1] < 0.9 * losses[0]
    assert len({model.digest for model in models}) == 4
    assert len({model.architecture_digest for model in models}) == 1
    assert {len(artist.ledger.releases) for artist in federation.artists.values()} == {3}
    assert accuracy(town, federation, models[-1]) > accuracy(town, federation, models[0]) + 0.05
    if mode is Mode.NONE:
        assert losses == sorted(losses, reverse=True)


def test_more_noise_learns_less(town):
    final = []
    for number, multiplier in enumerate((0.25, 50.0)):
        federation = town.bend(town, folder=town.folder / str(number)).federation(
            mode=Mode.DISTRIBUTED, multipliers=(multiplier,) * 3
        )
        final.append(loss(federation, federation.run()[-1].model) / loss(federation, town.model()))
    assert final[0] < 0.9 < final[1] < 1.3


def run_again(town, name, **changes):
    return town.bend(town, folder=town.folder / name).federation(**changes).run()


def test_without_noise_a_run_is_reproducible(town):
    """Keys and masks cancel; with the same dithers, the models are the same to the byte."""
    first, second = (run_again(town, name) for name in ("first", "second"))
    assert [outcome.model.digest for outcome in first] == [outcome.model.digest for outcome in second]
    third = run_again(town, "third", randomness=lambda _number: os.urandom)
    for ours, theirs in zip(first, third, strict=True):
        np.testing.assert_allclose(ours.model.head, theirs.model.head, atol=0.01)
        np.testing.assert_allclose(ours.model.alignment, theirs.model.alignment, atol=0.01)


def test_artists_who_speak_once_train_the_same_model_to_the_byte(town):
    """The same uploads, the same integers, the same model; each artist is charged once for each iteration."""
    rounds = run_again(town, "rounds")
    federation = town.bend(town, folder=town.folder / "once").federation(beacon=OwnBeacon(town.scripted("beacon")))
    once = federation.run()
    assert [outcome.aggregate.digest for outcome in once] == [outcome.aggregate.digest for outcome in rounds]
    assert [outcome.model.digest for outcome in once] == [outcome.model.digest for outcome in rounds]
    assert {len(artist.ledger.releases) for artist in federation.artists.values()} == {3}


def test_an_artist_who_gives_no_keys_ends_the_session_before_anybody_is_charged(town):
    silent = {2: lambda answer: lambda request: b"" if request[:1] == KeysWanted.TAG else answer(request)}
    federation = town.federation(beacon=OwnBeacon(town.scripted("beacon")), guards=silent)
    (outcome,) = federation.loop(cohort=replace(federation.cohort, multipliers=(0.0,)))
    assert "1 of 8 artists gave no keys" in outcome.problem
    assert [ended.session_id for ended in outcome.sessions] == [NEVER_OPENED]
    assert {len(artist.ledger.releases) for artist in federation.artists.values()} == {0}


@pytest.mark.parametrize("mode", [Mode.DISTRIBUTED, Mode.LOCAL])
def test_private_runs_differ_in_their_noise(mode, town):
    changes = {"mode": mode, "multipliers": (1.0,), "randomness": lambda _number: os.urandom}
    first, second = (run_again(town, name, **changes) for name in ("first", "second"))
    assert first[0].model.digest != second[0].model.digest


@pytest.mark.parametrize("message", range(5))
@pytest.mark.parametrize("mode", list(Mode))
def test_an_artist_may_vanish_at_any_message_of_a_session(mode, message, town):
    federation = town.federation(mode=mode, multipliers=(MULTIPLIERS[mode],) * 2, guards={2: vanishing(message)})
    outcomes = federation.run()
    survivors = 7 if message <= 2 else 8
    assert [(outcome.problem, outcome.aggregate.survivors) for outcome in outcomes] == [("", survivors)] * 2
    assert loss(federation, outcomes[-1].model) < loss(federation, town.model())


def test_without_one_artist_the_sum_is_the_one_of_the_others(town):
    """Seen in the trace of the moments: every artwork in the sum adds 1."""
    federation = town.federation(multipliers=(0.0,), guards={2: vanishing(2), 5: vanishing(4)})
    (outcome,) = federation.run()
    packed = outcome.aggregate.tensors["moments"]
    rows, columns = np.triu_indices(town.D)
    assert packed[rows == columns].sum() == pytest.approx(7 * town.ARTWORKS, rel=1e-3)


def test_an_artist_who_refuses_the_announcement_is_a_dropout(town):
    federation = town.federation()
    federation.artists["artist 4"].terms = town.terms(mode=Mode.DISTRIBUTED)
    outcomes = federation.run()
    assert [outcome.aggregate.survivors for outcome in outcomes] == [7] * 3
    assert federation.engine.bytes_from["artist 4/session"] == 0
    assert federation.artists["artist 4"].ledger.releases == ()


def test_an_aborted_session_changes_nothing_and_the_loop_goes_on(town):
    guards = {number: vanishing(2, iterations=(2,)) for number in range(4)}
    federation = town.federation(guards=guards)
    first, aborted, third = federation.run()
    assert (first.problem, third.problem) == ("", "")
    assert aborted.problem.startswith("iteration 2: too few clients delivered a masked input")
    assert aborted.aggregate is None
    assert aborted.model.digest == first.model.digest
    assert third.model.digest != first.model.digest
    assert third.aggregate.survivors == 8
    # What an aborted iteration cost stays charged to the four artists whose masked uploads were out, and to no others.
    assert [len(artist.ledger.releases) for artist in federation.artists.values()] == [2] * 4 + [3] * 4

    undisturbed = run_again(town, "undisturbed", multipliers=(0.0, 0.0))
    assert third.model.head == pytest.approx(undisturbed[-1].model.head, abs=0.01)


def test_all_sessions_aborted_leave_the_first_model(town):
    outcomes = town.federation(guards={number: vanishing(0) for number in range(4)}).run()
    assert {outcome.model.digest for outcome in outcomes} == {town.model().digest}
    assert all("too few clients advertised keys" in outcome.problem for outcome in outcomes)


def test_every_artist_trains_the_servers_model(town, monkeypatch):
    subjects = []

    def recorded(part, **arguments):
        subjects.append(part.subject)
        return join(part, **arguments)

    monkeypatch.setattr(artist_module, "join", recorded)
    federation = town.federation()
    outcomes = federation.run()
    served = [town.model().digest, *[outcome.model.digest for outcome in outcomes]]
    assert [subject.iteration for subject in subjects] == [1] * 8 + [2] * 8 + [3] * 8
    assert [subject.model_digest for subject in subjects] == [served[subject.iteration - 1] for subject in subjects]


def test_the_loop_does_one_iteration_at_a_time_and_says_when_a_session_begins(town):
    federation = town.federation()
    begun = []
    loop = federation.loop(on_session=lambda: begun.append(len(federation.artists["artist 0"].ledger.releases)))
    assert begun == []
    for number in (1, 2, 3):
        assert next(loop).iteration == number
        assert begun == list(range(number))  # nothing is charged before the session
    assert next(loop, None) is None


def test_an_artist_out_of_budget_drops_out_and_the_others_go_on(town, tmp_path):
    federation = town.federation(mode=Mode.DISTRIBUTED, multipliers=(2.0,) * 3)
    poor = federation.artists["artist 1"]
    mechanism = federation.cohort.mechanism(1, dimensions=town.D, outputs=town.H)
    poor.ledger.limit = 1.05 * one_release(mechanism, tmp_path)
    outcomes = federation.run()
    assert [outcome.aggregate.survivors for outcome in outcomes] == [8, 7, 7]
    assert len(poor.ledger.releases) == 1
    assert poor.ledger.spent(View.AGGREGATE) <= poor.ledger.limit


def one_release(mechanism, folder) -> float:
    """Epsilon of a single use."""
    from fedstyle_secure.privacy.ledger import Ledger
    from fedstyle_secure.privacy.releases import Release

    ledger = Ledger.open(folder / "one.jsonl", limit=1e9, delta=1e-5, view=View.AGGREGATE)
    ledger.charge(Release.of(mechanism, name="one", iteration=1))
    return ledger.spent(View.AGGREGATE)


def test_the_first_iteration_asks_for_moments_and_head_and_the_others_for_the_head(town):
    cohort = town.federation().cohort
    layouts = [cohort.mechanism(i, dimensions=town.D, outputs=town.H).layout for i in (1, 2, 3)]
    assert [[segment.name for segment in layout.segments] for layout in layouts] == [
        ["moments", "head"],
        ["head"],
        ["head"],
    ]


def test_every_iteration_has_its_own_rotation_and_noise(town):
    cohort = town.bend(town.federation(mode=Mode.DISTRIBUTED).cohort, multipliers=(3.0, 2.0, 1.0))
    mechanisms = [cohort.mechanism(i, dimensions=town.D, outputs=town.H) for i in (1, 2, 3)]
    assert [mechanism.noise_multiplier for mechanism in mechanisms] == [3.0, 2.0, 1.0]
    assert len({mechanism.rotation_seed for mechanism in mechanisms}) == 3
    promises = {(m.mode, m.unit, m.clients, m.corrupt, m.min_survivors, m.max_artworks) for m in mechanisms}
    assert promises == {(cohort.mode, cohort.unit, 8, 1, 6, 20)}
    assert mechanisms[0] == cohort.mechanism(1, dimensions=town.D, outputs=town.H)


@pytest.mark.parametrize("iterations", [1, 2, 3, 20])
def test_training_shares_are_a_whole(iterations):
    shares = training_shares(iterations)
    assert len(shares) == iterations
    assert min(shares) > 0
    assert sum(shares) == pytest.approx(1)


def test_a_cohort_that_cannot_keep_its_promises_is_refused(town):
    with pytest.raises(InputError, match="no secure session fits this cohort"):
        town.federation(corrupt=5).run()
    with pytest.raises(InputError, match="corrupt < min_survivors"):
        town.federation(corrupt=6).run()
    with pytest.raises(PrivacyError, match="no ring"):
        town.federation(mode=Mode.DISTRIBUTED, multipliers=(1e9,)).run()


@pytest.mark.parametrize(("more", "fewer"), [(1, 0), (0, 1), (4, 0), (5, 4)])
def test_a_cohort_that_differs_in_too_few_artists_is_refused_before_anything_is_charged(more, fewer, town):
    """AGG-5, ITE-2: of those that an earlier cohort had more, or fewer; five artists are enough."""
    federation = town.federation()
    before = [*federation.identities[fewer:], *(town.public_key(8 + number) for number in range(more))]
    register = Cohorts([before])
    with pytest.raises(InputError, match="keep the cohort as it was, or let 5 or more join or leave"):
        next(federation.loop(register=register))
    assert all(not artist.ledger.releases for artist in federation.artists.values())
    assert list(register) == [frozenset(before)]


def test_buckets_are_refused_of_which_one_lacks_one_artist_of_an_earlier_cohort(town):
    """ITE-2: it had all of the first, and all but one of the second."""
    federation = town.federation(clients=18, buckets=3, min_survivors=5)
    first, second, _ = deal(federation.identities, 3, federation.cohort.seed)
    before = frozenset(federation.identities[number] for number in (*first, *second[1:]))
    with pytest.raises(InputError, match="6 of an earlier cohort's clients have left and 1 have joined"):
        next(federation.loop(register=Cohorts([before])))


def test_a_cohort_may_stay_or_change_altogether_and_is_registered(town):
    federation = town.federation(multipliers=(0.0,))
    strangers = frozenset(town.public_key(100 + number) for number in range(8))
    register = Cohorts([strangers])
    for last in (0, 1):
        checkpoint = town.checkpoint(last_iteration=last, last_session=last)
        again = town.federation(multipliers=(0.0,)).loop(register=register, checkpoint=checkpoint)
        (outcome,) = again
        assert (outcome.problem, outcome.iteration) == ("", last + 1)
    assert list(register) == [strangers, frozenset(federation.identities)]


def test_each_bucket_is_registered(town):
    federation, register = town.federation(clients=18, buckets=3, min_survivors=5, multipliers=(0.0,)), Cohorts()
    list(federation.loop(register=register))
    assert [len(roster) for roster in register] == [6, 6, 6]


def test_announcements_differ_by_nothing_but_the_receipt_they_bring_back(town, monkeypatch):
    federation = town.federation(multipliers=(0.0, 0.0))
    sent = []
    exchange = federation.engine.exchange
    monkeypatch.setattr(
        federation.engine,
        "exchange",
        lambda requests, **named: sent.append(dict(requests)) or exchange(requests, **named),
    )
    federation.run()
    assert list(sent[0]) == [f"{name}/announcement" for name in federation.names]
    (data,) = {letter[ENVELOPE_SIZE:] for letter in sent[0].values()}
    assert Announcement.decode(data).model.digest == town.model().digest
    second = next(requests for requests in sent[1:] if set(requests) == set(sent[0]))
    bodies = [letter[ENVELOPE_SIZE:] for letter in second.values()]
    receipts = {data[:RECEIPT_BYTES] for data in bodies}
    assert len(receipts) == len(federation.names)
    assert NO_RECEIPT not in receipts
    assert len({data[RECEIPT_BYTES:] for data in bodies}) == 1


def sizes_of_announcements(federation, monkeypatch):
    """For each iteration, the bytes of each artist's announcement."""
    found = []
    exchange = federation.engine.exchange

    def note(requests, **named):
        if all(mailbox.endswith("/announcement") for mailbox in requests):
            found.append([len(data) for data in requests.values()])
        return exchange(requests, **named)

    monkeypatch.setattr(federation.engine, "exchange", note)
    return found


def test_the_whitening_goes_down_once(town, monkeypatch):
    """ANN-2: what later announcements save is the whitening, to a few bytes of facts."""
    federation = town.federation()
    sizes = sizes_of_announcements(federation, monkeypatch)
    assert [outcome.aggregate.survivors for outcome in federation.run()] == [8] * 3
    whitening = 4 * town.RAW * (1 + town.D)
    for later in sizes[1:]:
        assert max(later) < sizes[0][0] - 0.8 * whitening
    assert sizes[1] == sizes[2] == [sizes[1][0]] * 8


def test_with_the_default_encoder_later_announcements_are_a_quarter_of_the_first(town):
    """Raw features of EfficientNet-Lite0 and the dimensions that `runs.train` keeps."""
    rng = np.random.default_rng(0)
    raw, d, h = 3384, DIMENSIONS, OUTPUTS
    whitening = Whitening(
        center=rng.normal(size=raw).astype(np.float32), projection=rng.normal(size=(raw, d)).astype(np.float32)
    )
    head = rng.normal(size=(h, d)).astype(np.float32)
    model = town.bend(town.model(), whitening=whitening, alignment=np.eye(d, dtype=np.float32), head=head)
    announcement = town.announcement(model=model)
    assert len(announcement.encode(whitening=False)) < len(announcement.encode()) / 4


def test_an_artist_who_lost_the_whitening_misses_one_iteration_and_is_sent_it_again(town, monkeypatch):
    federation = town.federation(multipliers=(0.0,) * 4)
    sizes = sizes_of_announcements(federation, monkeypatch)
    loop = federation.loop()
    next(loop)
    federation.artists["artist 3"].whitening = None
    assert [outcome.aggregate.survivors for outcome in loop] == [7, 8, 8]
    longer = [[size > min(each) for size in each] for each in sizes]
    assert longer == [[False] * 8, [False] * 8, [number == 3 for number in range(8)], [False] * 8]
