"""Clients and members that lie to an honest server: the sum stays exact, or the window ends and says why.

What an evil client masks is its input, whatever that is; here it masks the vector that it should, and lies about all
the rest: a dealer that commits to one secret and shares another, boxes with other shares than their roots fix, or that
do not open, wrong shares, a second message, silence at any moment.
"""

from dataclasses import replace
from typing import Any

from protocols import FaultyClientError, ProtocolError, SessionAborted
from protocols.codec import Domain, encode_indices
from protocols.masking import pairwise_secret
from protocols.params import DIGEST_SIZE
from protocols.primitives.field import PRIME
from protocols.primitives.key_agreement import KeyPair
from protocols.primitives.signing import SIGNATURE_SIZE
from protocols.speakonce import Server, WindowParams
from protocols.speakonce.dealing import deal, seal, tree_over, tree_over_boxes
from protocols.speakonce.messages import OpenBoxesResponse, SpeakResponse, UnmaskingResponse, encode_releases
from protocols.speakonce.statements import attest, digest_of

from ..adversaries.choices import Chooser
from ..adversaries.parties import identity
from ..adversaries.wire import Violation
from .parties import make_client, policy_for, randomness, sum_of, vectors_of, window

ROUNDS = 4
_ANY_ROUND = ("silence", "garbled", "twice")
LIES = (
    (*_ANY_ROUND, "another secret shared", "another secret shared", "other roots", "spoiled boxes"),
    (*_ANY_ROUND, "all reported", "no signature"),
    (*_ANY_ROUND, "no signature"),
    (*_ANY_ROUND, "no signature", "wrong share", "wrong share", "all shares wrong", "a share less"),
)
"""What an evil client may do in each round."""


class LyingClients:
    """A window before an honest server, in which evil clients bend a few of their messages.

    Args:
        choose: Decides everything.
    """

    def __init__(self, choose: Chooser) -> None:
        self._choose, self._seed = choose, choose.number(0, 9999)
        clients, corrupt = choose.number(5, 8), choose.number(1, 2)
        members = choose.number(corrupt + 3, clients)
        quorum = choose.number((members + corrupt) // 2 + 1, members)
        self._params = window(clients, seed=self._seed, members=members, quorum=quorum, corrupt=corrupt)
        self._evil = frozenset(choose.some(range(clients), 1, corrupt))
        self._lies = {
            (index, number): choose.one(LIES[number])
            for index in sorted(self._evil)
            for number in choose.some(range(ROUNDS), 1, 2)
        }
        absent = choose.some([index for index in range(clients) if index not in self._evil], 0, 1)
        self._gone = {index: choose.number(0, ROUNDS - 1) for index in absent}
        self._messages: dict[int, bytes] = {}
        self._clients = [make_client(self._params, index, self._seed) for index in range(clients)]
        self._server = Server(self._params, recall=self._messages.__getitem__)

    def __repr__(self) -> str:
        return f"LyingClients({self._params.clients} clients, {self._lies}, silent {self._gone}, seed {self._seed})"

    def play(self) -> bool:
        """Whether there is a sum; it is exact, and whoever is named lied.

        Raises:
            Violation: it is not, or somebody honest is named.
        """
        requests = dict(self._server.start())
        try:
            for number in range(ROUNDS):
                for index, request in requests.items():
                    if number < self._gone.get(index, ROUNDS):
                        self._answer(number, index, request)
                requests = dict(self._server.close_round())
        except SessionAborted as aborted:
            self._check_named(aborted.liars)
            return False
        self._check_named(self._server.liars)
        found = self._server.aggregate()["update"].tolist()
        if found != sum_of(self._params, self._server.survivors):
            raise Violation(f"a wrong sum over {self._server.survivors}")
        return True

    def _check_named(self, liars: frozenset[int]) -> None:
        if not liars <= self._evil:
            raise Violation(f"named {sorted(liars)}, and {sorted(self._evil)} may have lied")

    def _answer(self, number: int, index: int, request: bytes) -> None:
        """One client's turn; what the server refuses does not count."""
        client, lie = self._clients[index], self._lies.get((index, number), "")
        try:
            if number:
                response = client.receive(request)
            else:
                policy = policy_for(self._params)
                response = client.speak(request, policy=policy, vectors=lambda: vectors_of(self._params, index))
        except ProtocolError:
            return  # it was no part of this any more
        for sent in self._bent(lie, index, response):
            try:
                self._server.receive(index, sent)
            except FaultyClientError:
                continue
            self._messages.setdefault(index, sent)

    def _bent(self, lie: str, index: int, response: bytes) -> list[bytes]:
        """What is sent in place of an honest response."""
        if lie == "silence":
            return []
        if lie in {"another secret shared", "other roots", "spoiled boxes"} or (
            lie == "twice" and response[0] == SpeakResponse.TAG
        ):
            return _bent_messages(lie, self._params, index, response, randomness(self._seed, index))
        match lie:
            case "garbled":
                response = response[:-1] + bytes([response[-1] ^ 1])
            case "no signature":
                response = response[:-SIGNATURE_SIZE] + bytes(SIGNATURE_SIZE)
            case "all reported":
                response = self._report_of_all(index)
            case "wrong share" | "all shares wrong" | "a share less":
                response = self._wrong_shares(lie, index, response)
        return [response] * (2 if lie == "twice" else 1)

    def _report_of_all(self, index: int) -> bytes:
        everyone = frozenset(self._messages)
        signature = attest(self._params, identity(index), Domain.REPORT, index, encode_indices(everyone))
        return OpenBoxesResponse(unopened=everyone, signature=signature).encode(self._params)

    def _wrong_shares(self, lie: str, index: int, response: bytes) -> bytes:
        params = self._params
        releases = dict(UnmaskingResponse.decode(response, params).releases)
        for owner in releases if lie == "all shares wrong" else self._choose.some(releases, 1, 2):
            shares = list(releases[owner].shares)
            if lie == "a share less":
                shares.pop()
            else:
                place = self._choose.number(0, len(shares) - 1)
                shares[place] = (shares[place] + 1 + self._choose.number(0, 10**9)) % PRIME
            releases[owner] = replace(releases[owner], shares=tuple(shares))
        signature = attest(params, identity(index), Domain.RELEASE, index, encode_releases(releases))
        return UnmaskingResponse(releases=releases, signature=signature).encode(params)


def _bent_messages(lie: str, params: WindowParams, index: int, response: bytes, random: bytes) -> list[bytes]:
    """A client's one message, bent and signed anew; after the honest one, if it speaks twice."""
    honest = SpeakResponse.decode(response, params)
    match lie:
        case "twice":
            (packed,) = honest.packed
            return [response, _signed(params, index, packed=[bytes([packed[0] ^ 1]) + packed[1:]], honest=honest)]
        case "other roots":
            return [_signed(params, index, roots=[bytes(DIGEST_SIZE)] * params.members, honest=honest)]
        case "spoiled boxes":
            return [_signed(params, index, boxes=[bytes(len(box)) for box in honest.boxes], honest=honest)]
        case _:  # another secret shared than committed to
            contents = deal(params, [*_pair_secrets(params, index, random), bytes(32)], random[96:])
            boxes = seal(params, KeyPair(random[:32]), index, contents)
            roots = [tree_over(content).root for content in contents]
            return [_signed(params, index, boxes=boxes, roots=roots, honest=honest)]


def _pair_secrets(params: WindowParams, index: int, random: bytes) -> list[bytes]:
    keys = KeyPair(random[32:64])
    return [
        pairwise_secret(keys=keys, peer_key=params.prekeys[peer].mask_key, graph=params.ring, index=index, peer=peer)
        for peer in params.neighbors(index)
    ]


def _signed(params: WindowParams, index: int, *, honest: SpeakResponse, **changes: Any) -> bytes:
    message = replace(honest, **changes)
    manifest = replace(
        message.manifest,
        vectors_digest=digest_of(message.packed),
        boxes_root=tree_over_boxes(message.roots, message.boxes).root,
    )
    signature = attest(params, identity(index), Domain.MANIFEST, index, manifest.content)
    return replace(message, manifest=replace(manifest, signature=signature)).encode(params)
