"""Lies about who delivered and who holds whose shares: boxes, survivor sets, signatures."""

from collections.abc import Iterable
from itertools import combinations

from .evil_server import Deviation
from .parties import flipped


class TooFew(Deviation):
    """Goes on with fewer deliverers than were promised, as long as enough are left to sign and to hold shares."""

    def hand(self) -> None:
        choose = self.choose
        boxes = self.server.handing
        params = self.server.params
        least = max((params.clients + params.corrupt) // 2 + 1, params.threshold + 1)
        left = choose.number(least, max(least, params.min_survivors - 1))
        for index in choose.some(boxes, len(boxes) - left, len(boxes) - left):
            del boxes[index]


class Split(Deviation):
    """Two sets, each shown to half of the honest clients, signed by all corrupt ones."""

    def ask(self) -> None:
        server, choose = self.server, self.choose
        sets = server.asking
        honest = [index for index in sets if index not in server.cohort.evil]
        mixed = choose.some(honest, len(honest))
        halves = mixed[: len(mixed) // 2], mixed[len(mixed) // 2 :]
        for half, others in (halves, halves[::-1]):
            missing = server.params.min_survivors - len(half) - len(server.cohort.evil)
            filled = choose.some(others, missing, choose.one((missing, len(others) - 1)))
            survivors = server.cohort.evil.union(half, filled)
            sets.update(dict.fromkeys(half, survivors))


class SplitWithOldSignatures(Split):
    """The same, with the signatures that all clients gave on such sets in another session."""

    def confirm(self) -> None:
        server = self.server
        signatures = server.confirming
        for index in signatures:
            survivors = server.sets[index]
            signatures[index] = {i: server.elsewhere.signature(i, survivors) for i in sorted(survivors)}


class Rotate(Deviation):
    """Everyone sees a large set with itself in it, each another one; perhaps only one client is in all of them."""

    def ask(self) -> None:
        sets, choose = self.server.asking, self.choose
        spare = max(0, len(sets) - self.server.params.min_survivors)
        fixed = {choose.one(sorted(sets))} if sets and choose.chance(50) else set()
        for place, index in enumerate(sorted(sets)):
            others = sorted(sets.keys() - {index} - fixed)
            if fixed:
                missing = {others[(place * spare + step) % len(others)] for step in range(min(spare, len(others)))}
            else:
                missing = set(choose.some(others, 0, spare))
            sets[index] = frozenset(sets) - missing


class LeaveOut(Deviation):
    """An island: clients around some others on the ring are left out of the set, and asked to sign all the same."""

    def ask(self) -> None:
        choose = self.choose
        sets = self.server.asking
        view = self.server.views[min(sets)] if sets else None
        if view is None or len(view.graph.order) != len(sets):
            return
        ring, reach = view.graph.order, view.graph.degree // 2
        start, length = choose.number(0, len(ring) - 1), choose.number(5, 8) if len(ring) > 20 else 1
        moat = {ring[(start + step) % len(ring)] for step in (*range(-reach, 0), *range(length, length + reach))}
        sets.update(dict.fromkeys(sets, frozenset(sets) - moat))


class Phantoms(Deviation):
    """Names as survivors who never advertised, or advertised and never delivered."""

    def invite(self) -> None:
        server = self.server
        for index in self.choose.some(server.cohort.honest, 1, 2):
            del server.invitations[index]

    def hand(self) -> None:
        boxes = self.server.handing
        for index in self.choose.some(sorted(boxes), 0, 2):
            del boxes[index]

    def ask(self) -> None:
        server, choose = self.server, self.choose
        sets = server.asking
        absent = sorted(set(server.cohort.everyone) - sets.keys())
        strangers = [index for index in absent if index not in server.advertised]
        named = choose.one((strangers, absent, choose.some(absent)))
        for index in sets:
            sets[index] |= set(named)


class Isolate(Deviation):
    """One client's masks shall come off: it masks only with clients that vanish, others hold shares of its seed."""

    def hand(self) -> None:
        server, choose = self.server, self.choose
        boxes = server.handing
        evil = server.cohort.evil
        victims = sorted(boxes.keys() - evil, key=lambda index: (-len(boxes[index].keys() & evil), index))
        self.gone: frozenset[int] = frozenset()
        if not victims:
            return
        victim = choose.one(victims[:3])
        size = choose.one((server.params.threshold, server.params.threshold, 0))
        accomplices = boxes[victim].keys() & evil
        honest = sorted(boxes[victim].keys() - evil)
        wanted = min(len(honest), max(0, size - len(accomplices)))
        graph = server.views[victim].graph

        def silent(gone: Iterable[int]) -> int:
            """Clients that would not sign, because too few of their neighbors are left."""
            left = boxes.keys() - set(gone)
            return sum(len(graph.neighbors(i) & left) < server.params.threshold for i in left if i in graph.order)

        candidates = list(combinations(honest, wanted))
        start = choose.number(0, len(candidates) - 1)
        self.gone = frozenset(min((candidates[start:] + candidates[:start])[:60], key=silent))
        boxes[victim] = {sender: box for sender, box in boxes[victim].items() if sender in self.gone | accomplices}
        if choose.chance(70):
            for index in self.gone:
                boxes.pop(index, None)

    def ask(self) -> None:
        sets = self.server.asking
        for index in sets:
            sets[index] -= self.gone


class Alienate(Deviation):
    """Some clients' boxes reach nobody but each other, although they get everyone's."""

    def hand(self) -> None:
        server = self.server
        boxes = server.handing
        spare = max(1, server.params.degree - server.params.threshold)
        aliens = self.choose.some([index for index in boxes if index not in server.cohort.evil], 1, spare)
        for index in boxes.keys() - set(aliens):
            boxes[index] = {sender: box for sender, box in boxes[index].items() if sender not in aliens}


class Withhold(Deviation):
    """Some boxes never arrive."""

    def hand(self) -> None:
        choose = self.choose
        boxes = self.server.handing
        for index in choose.some(sorted(boxes), 1, 2):
            for sender in choose.some(sorted(boxes[index]), 1, 2):
                del boxes[index][sender]


class WrongBoxes(Deviation):
    """A client gets boxes that are not from whom, or not for whom, or not of the session they should be."""

    def hand(self) -> None:
        server, choose = self.server, self.choose
        boxes = server.handing
        recipients = [index for index in boxes if len(boxes[index]) > 1]
        if not recipients:
            return
        recipient = choose.one(recipients)
        mine = boxes[recipient]
        first, second = choose.some(sorted(mine), 2, 2)
        match choose.one(("swapped", "reflected", "all reflected", "for another", "elsewhere", "a stranger's", "bent")):
            case "swapped":
                mine[first], mine[second] = mine[second], mine[first]
            case "reflected":
                mine[first] = server.boxes[recipient].get(first, mine[first])
            case "all reflected":
                mine.update({sender: server.boxes[recipient][sender] for sender in mine})
            case "for another":
                mine[first] = boxes.get(second, {}).get(first, mine[second])
            case "elsewhere":
                old = server.elsewhere.boxes(recipient)
                mine.update({sender: old[sender] for sender in choose.some(sorted(mine), 1) if sender in old})
            case "a stranger's":
                strangers = sorted(set(server.cohort.everyone) - mine.keys())
                mine[choose.one(strangers)] = mine[first]
            case "bent":
                position = choose.number(0, len(mine[first]) - 1)
                mine[first] = flipped(mine[first], position, choose.number(0, 7))


class BadSignatures(Deviation):
    """Too few signatures, other people's, nobody's, or those of clients that did not survive."""

    def confirm(self) -> None:
        choose = self.choose
        signatures = self.server.confirming
        for index in choose.some(sorted(signatures), 1):
            mine = signatures[index]
            for signer in choose.some(sorted(mine), 1, 2):
                match choose.one(("missing", "zero", "copied", "moved")):
                    case "missing":
                        del mine[signer]
                    case "zero":
                        mine[signer] = bytes(64)
                    case "copied":
                        mine[signer] = mine[choose.one(sorted(mine))]
                    case "moved":
                        mine[choose.one(self.server.cohort.everyone)] = mine.pop(signer)
