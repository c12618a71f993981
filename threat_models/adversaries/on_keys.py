"""Lies about the session and about who advertised which keys."""

from dataclasses import replace
from typing import Any

from .evil_server import Deviation
from .on_inputs import Isolate, Split, TooFew
from .parties import LAST_SESSION, SMALL_ORDER, Puppet, crafted, digest, identity, lowest_threshold, randomness
from .views import View


class CraftedModel(Deviation):
    """One client got a model of its own (Pasquini et al., CCS 2022); perhaps an invitation that fits, too."""

    def prepare(self) -> None:
        server, choose = self.server, self.choose
        self.victim = choose.one(server.cohort.honest)
        self.given: dict[str, Any] = {
            choose.one(("model_digest", "anchors_digest", "privacy_digest")): digest("crafted")
        }
        server.wire.terms[self.victim] = self.given

    def invite(self) -> None:
        server = self.server
        if self.choose.chance(60):
            server.invitations[self.victim] = crafted(server.params, **self.given)

    def show(self) -> None:
        server = self.server
        if self.victim in server.advertised:
            table = {**server.main().table, self.victim: server.advertised[self.victim]}
            for index in server.views:
                server.views[index] = View(server.wire.joined[index], table)


class OtherSession(Deviation):
    """Some clients are invited to a session that differs in one field, which their policies leave open or do not.

    Some of these sessions nobody can write down but by hand.
    """

    def invite(self) -> None:
        server, choose = self.server, self.choose
        params = server.params
        changes: dict[str, Any] = choose.one(
            (
                {"session": params.session + 1},
                {"session": LAST_SESSION},
                {"iteration": params.iteration + 1},
                {"server_key": digest("another server")},
                {"min_survivors": min(params.min_survivors + 1, params.clients)},
                {"threshold": min(params.threshold + 1, params.degree)},
                {"architecture_digest": digest("crafted")},
                {"training_digest": digest("another training")},
                {"checkpoint_digest": digest("another log")},
                {"vectors": (crafted(params.vectors[0], modulus_bits=24),)},
                {"vectors": (crafted(params.vectors[0], modulus_bits=200),)},
                {"vectors": (crafted(params.vectors[0], max_abs_input=2**63),)},
                {"vectors": (crafted(params.vectors[0], length=0),)},
                {"vectors": ()},
                {"vectors": 2 * params.vectors},
                {"identities": 2 * params.identities},
                {"identities": params.identities[:1]},
                {"version": 2},
                {"iteration": 0},
                {"degree": params.degree - 1},
                {"degree": 2 * params.clients},
                {"threshold": 0},
                {"threshold": params.degree + 1},
                {"corrupt": params.clients},
                {"min_survivors": 1},
                {"min_survivors": params.clients + 1},
            )
        )
        misled = choose.some(server.cohort.everyone, 1)
        server.invitations.update(dict.fromkeys(misled, crafted(params, **changes)))

    def show(self) -> None:
        server = self.server
        for index in server.views:
            own = server.wire.joined[index]
            table = {i: entry for i, entry in server.advertised.items() if server.wire.joined[i] == own}
            if len(table) > 1:
                server.views[index] = View(own, table)


class Sybils(Deviation):
    """Parameters in which the server takes the places of some clients, under identities that nobody knows."""

    def invite(self) -> None:
        server = self.server
        places = self.choose.some(server.cohort.honest, 1, len(server.cohort.honest) - 1)
        self.puppets = {i: Puppet(i, randomness(server.cohort.seed + 1, i), identity(100 + i)) for i in places}
        identities = list(server.params.identities)
        for index in places:
            identities[index] = identity(100 + index).public_key().public_bytes_raw()
        server.propose(crafted(server.params, identities=tuple(identities)))
        server.silent.update(places)

    def show(self) -> None:
        server = self.server
        server.puppets |= self.puppets
        for index, puppet in self.puppets.items():
            server.advertised[index] = puppet.advertise(server.params)
            server.wire.joined[index] = server.params
        server.views = dict.fromkeys(server.advertised, server.main())

    def hand(self) -> None:
        server = self.server
        server.delivered.update(self.puppets.keys() & server.views.keys())


class LowThreshold(Isolate):
    """Parameters in which twice the threshold does not exceed degree and corrupt clients together."""

    def invite(self) -> None:
        server = self.server
        params = server.params
        low = lowest_threshold(params.degree, params.corrupt) - self.choose.one((1, 1, 2))
        server.propose(crafted(params, threshold=max(1, low)))


class LowSurvivors(TooFew):
    """Parameters that promise fewer survivors than was agreed."""

    def invite(self) -> None:
        server = self.server
        params = server.params
        server.propose(crafted(params, min_survivors=max(params.confirmations, params.threshold + 1)))

    def hand(self) -> None:
        boxes = self.server.handing
        for index in self.choose.some(sorted(boxes), 1, max(1, len(boxes) - self.server.params.min_survivors)):
            del boxes[index]


class NobodyCorrupt(Split):
    """Parameters that assume no corrupt clients where there are some."""

    def invite(self) -> None:
        server = self.server
        server.propose(crafted(server.params, corrupt=0))


class Forge(Deviation):
    """Between one client and the others: the server's own keys under the others' indices."""

    def show(self) -> None:
        server, choose = self.server, self.choose
        victim = choose.one(sorted(server.views))
        view = server.views[victim]
        others = sorted(view.table.keys() - {victim} - server.cohort.evil)
        forged = others if choose.chance(60) else choose.some(others, 1)
        kind = choose.one(("nobody", "another", "elsewhere", "copied"))
        signer = choose.one((identity(99), *map(identity, sorted(server.cohort.evil))))
        puppets = {index: Puppet(index, randomness(server.cohort.seed + 1, index), signer) for index in forged}
        table = dict(view.table)
        for index, puppet in puppets.items():
            if kind in ("nobody", "another"):
                table[index] = puppet.advertise(view.params)
            if kind == "nobody":
                table[index] = replace(table[index], signature=bytes(64))
            elif kind == "elsewhere":
                table[index] = server.elsewhere.advertisements[index]
            elif kind == "copied":
                table[index] = view.table[choose.one(sorted(view.table))]
        if kind in ("nobody", "another"):
            server.invented[victim] = puppets
        bent = View(view.params, table)
        server.views.update(dict.fromkeys([victim, *choose.some(others, 0, 1)], bent))


class OwnEntry(Deviation):
    """A client does not find its own advertisement as it was."""

    def show(self) -> None:
        server, choose = self.server, self.choose
        there = [index for index, view in sorted(server.views.items()) if index in view.table]
        if not there:
            return  # all of them were invited elsewhere
        index = choose.one(there)
        view = server.views[index]
        table = dict(view.table)
        match choose.one(("altered", "missing", "elsewhere", "as a digest")):
            case "altered":
                table[index] = replace(table[index], commitment=bytes(32))
            case "missing":
                del table[index]
            case "elsewhere":
                table[index] = server.elsewhere.advertisements[index]
            case "as a digest":
                server.full[index] = view.circle(index) - {index}
        server.views[index] = View(view.params, table)


class Omit(Deviation):
    """Some clients are not told of all who advertised."""

    def show(self) -> None:
        server, choose = self.server, self.choose
        everyone = sorted(server.views)
        told_less = choose.some(everyone, 1)
        spare = max(1, len(everyone) - server.params.min_survivors)
        hidden = choose.some(everyone, 1, min(spare, len(everyone) - 2))
        for index in told_less:
            view = server.views[index]
            table = {i: advertisement for i, advertisement in view.table.items() if i not in hidden or i == index}
            server.views[index] = View(view.params, table)


class SecondAdvertisement(Deviation):
    """A corrupt client advertises twice, and some clients are told of the one, some of the other."""

    def show(self) -> None:
        server, choose = self.server, self.choose
        if not server.puppets:
            return
        puppet = choose.one([server.puppets[index] for index in sorted(server.puppets)])
        second = puppet.advertise(server.params, commitment=digest("second"))
        for index in choose.some(sorted(server.views.keys() - server.cohort.evil), 1):
            view = server.views[index]
            server.views[index] = View(view.params, {**view.table, puppet.index: second})


class SmallOrder(Deviation):
    """A corrupt client advertises a key with which everyone agrees on the same secret."""

    def show(self) -> None:
        server, choose = self.server, self.choose
        if not server.puppets:
            return
        puppet = choose.one([server.puppets[index] for index in sorted(server.puppets)])
        weak = {choose.one(("seal_key", "mask_key")): choose.one(sorted(SMALL_ORDER))}
        bent = puppet.advertise(server.params, **weak)
        view = server.main()
        server.views.update(dict.fromkeys(server.views, View(view.params, {**view.table, puppet.index: bent})))


class Strangers(Isolate):
    """The server says who is whose neighbor; then it isolates a client."""

    def show(self) -> None:
        server, choose = self.server, self.choose
        misled = sorted(server.views) if choose.chance(60) else choose.some(sorted(server.views), 1)
        fewer = choose.chance(20)
        for index in misled:
            known = sorted(server.views[index].table.keys() - {index})
            server.full[index] = frozenset(choose.some(known, 1) if fewer else known) | {index}


class Tables(Deviation):
    """An island of five on the ring: each of them is shown advertisements among which the other four are its neighbors.

    A corrupt client advertises again and again until the order comes out right. The others are survivors all the same.
    """

    TRIALS = 500

    def show(self) -> None:
        server = self.server
        main, degree = server.main(), server.params.degree
        honest = main.table.keys() - server.cohort.evil
        if not server.puppets or not degree < len(honest) < len(main.table) or degree == len(main.table) - 1:
            return
        island = frozenset(self.choose.some(honest, degree + 1, degree + 1))
        misled = set(island)
        puppet = server.puppets[min(server.puppets)]
        for trial in range(self.TRIALS):
            view = View(
                main.params, {**main.table, puppet.index: puppet.advertise(main.params, commitment=digest(f"{trial}"))}
            )
            for index in {index for index in misled if view.graph.neighbors(index) == island - {index}}:
                server.views[index] = view
                misled.remove(index)
            if not misled:
                break

    def ask(self) -> None:
        sets = self.server.asking
        sets.update(dict.fromkeys(sets, frozenset(self.server.main().table)))
