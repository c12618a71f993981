"""What masking costs a client and the server, beside the limit: the cipher's keystream and one addition, nothing else.

`python -m benchmarks.secagg --clients 100 --degree 50 --length 1000000 --dropout 0.1 --modulus-bits 32 --json`

All clients are real, and so is every byte between them and the server; the dropouts vanish after ShareKeys, when it is
most expensive, and the sum is checked. All times are CPU time of this one process, and the least of many repetitions:
other processes can only add to it. Work and limit take turns, so both see the same machine. With --threads, masks and
limits are spread over as many threads, and their times are wall time.

* A limit adds as many AES-256-CTR keystreams as there are masks to a vector of the ring's words, block by block; it
  agrees on no key, opens no box and packs nothing. Several sizes of block are tried, the fastest is the limit.
* limit_mask_aes_128 is the same with the smaller key, in one thread; masks do not use it (docs/adr/0018).
* What lies above a limit does not grow with the vector: a key agreement for each pairwise mask (28 microseconds; the
  client's are part of client_keys_and_shares), secrets from shares, boxes. So short vectors stay further from it.
* client_mask is the whole of a client's third round: open the boxes, agree on masks, add them, pack. The repetitions
  are the clients. client_keys_and_shares is all of its first two rounds, with every check of a server that may lie.
* server_unmask is the whole of the server's last round: take shares, recover secrets, remove masks. The recorded
  responses are played to fresh servers again and again.
* peak_server is what a server that is played the same responses allocates at most, by tracemalloc: the message in
  hand and the sum it returns included; clients, recordings and loaded modules not.
* upload_bytes are all five responses of the client that sends most.
* committee_ms and committee_bytes are of the member whose three answers cost most; five rounds have no committee.
* With --vs-flower, each ratio is Flower's time over ours (benchmarks.flower says what is timed).
"""

import argparse
import json
import tracemalloc
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import cycle
from types import ModuleType

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from numpy.typing import NDArray

from protocols import Crew, ProtocolError, Server, SessionParams
from protocols.codec import word_type
from protocols.masking import ALONE
from protocols.secagg.messages import ShareKeysResponse

from .cohort import (
    ADVERTISE_KEYS,
    MASKED_INPUT,
    ROUNDS,
    SHARE_KEYS,
    Cohort,
    Session,
    invite_securely,
    timed,
)
from .speakonce import masks_left, open_window, play
from .speakonce import replay as replay_window

_BLOCKS = (1 << 16, 1 << 17, 1 << 18)
"""Bytes of a block of the limit: what stays in a cache of the second level."""
_REPETITIONS = 6
AES_128, AES_256 = 16, 32
"""Bytes of a key."""


def limit(
    masks: int, length: int, modulus_bits: int, block: int, crew: Crew = ALONE, *, key_size: int = AES_256
) -> NDArray[np.unsignedinteger]:
    """Adds `masks` AES-CTR keystreams to a vector of the ring's words, `block` bytes at a time.

    Each of the crew starts its part of the vector with its own keystreams.
    """
    words = np.zeros(length, word_type(modulus_bits))
    size = -(-length // crew.size)
    parts = (words[start : start + size] for start in range(0, length, size))
    deque(crew.map(lambda part: _add_keystreams(part, masks, block, key_size), parts), maxlen=0)
    return words


def _add_keystreams(words: NDArray[np.unsignedinteger], masks: int, block: int, key_size: int) -> None:
    ciphers = [Cipher(algorithms.AES(bytes(key_size)), modes.CTR(bytes(16))).encryptor() for _ in range(masks)]
    zeros, buffer = bytes(block), memoryview(bytearray(block))
    for start in range(0, len(words), block // words.itemsize):
        part = words[start : start + block // words.itemsize]
        source, target = zeros[: part.nbytes], buffer[: part.nbytes]
        stream = np.frombuffer(target, words.dtype)
        for cipher in ciphers:
            cipher.update_into(source, target)
            np.add(part, stream, out=part)


@dataclass(kw_only=True)
class Recording:
    """What crossed the wire in one session, and what it cost.

    Attributes:
        responses: For each round, by client.
        client_ms: For each round, by client.
        limit_ms: The limit of a client's masks, once for each masked input.
    """

    responses: list[dict[int, bytes]] = field(default_factory=lambda: [{} for _ in ROUNDS])
    client_ms: list[dict[int, float]] = field(default_factory=lambda: [{} for _ in ROUNDS])
    limit_ms: list[float] = field(default_factory=list)

    def masks_left(self, params: SessionParams) -> int:
        """Counts the masks the server must expand: one for each survivor, and its pairwise ones with dropouts."""
        survivors = self.responses[MASKED_INPUT].keys()
        boxes = {
            sharer: ShareKeysResponse.decode(response, params).boxes
            for sharer, response in self.responses[SHARE_KEYS].items()
        }
        return len(survivors) + sum(len(boxes[dropout].keys() & survivors) for dropout in boxes.keys() - survivors)

    def upload(self) -> int:
        """Bytes of all responses of the client that sends most."""
        return max(
            sum(len(sent[index]) for sent in self.responses if index in sent) for index in self.responses[MASKED_INPUT]
        )


def record(cohort: Cohort, dropouts: int) -> Recording:
    """Plays the session once, with the limit after every masked input."""
    params, recording, blocks = cohort.params, Recording(), cycle(_BLOCKS)
    session = Session(cohort, dict.fromkeys(range(dropouts), MASKED_INPUT))
    for turn in session.turns():
        recording.responses[turn.round][turn.index] = turn.response
        recording.client_ms[turn.round][turn.index] = turn.client_ms
        if turn.round == MASKED_INPUT:
            recording.limit_ms.append(limit_ms(cohort, params.degree + 1, next(blocks)))
    cohort.check_aggregate(session.server)
    return recording


def limit_ms(cohort: Cohort, masks: int, block: int) -> float:
    """Takes the time of the limit for as many masks on the cohort's vector."""
    (spec,) = cohort.params.vectors
    return timed(limit, masks, spec.length, spec.modulus_bits, block, cohort.crew, crew=cohort.crew)[0]


def aes_128_limit_ms(masks: int, length: int, modulus_bits: int) -> float:
    """What the limit of a client's masks would be with AES-128, which they do not use (docs/adr/0018)."""
    times = (
        timed(partial(limit, key_size=AES_128), masks, length, modulus_bits, block)[0]
        for _ in range(_REPETITIONS)
        for block in _BLOCKS
    )
    return min(times)


def replay(cohort: Cohort, responses: Sequence[Mapping[int, bytes]]) -> tuple[float, Server]:
    """Plays recorded responses to a fresh server, which encodes its requests one at a time, as if to send them.

    Returns:
        Milliseconds of the last round, and the server.
    """
    server, elapsed = Server(cohort.params, cohort.crew), 0.0
    requests = server.start()

    def take(received: Mapping[int, bytes]) -> Mapping[int, bytes]:
        for index, response in received.items():
            server.receive(index, bytes(memoryview(response)))  # a copy: it has just come in
        return server.close_round()

    for received in responses:
        deque(requests.values(), maxlen=0)
        elapsed, requests = timed(take, received, crew=cohort.crew)
    return elapsed, server


def peak_of_server(cohort: Cohort, responses: Sequence[Mapping[int, bytes]]) -> float:
    """Returns the megabytes that a server allocates at most, from its start to the sum it returns."""
    tracemalloc.start()
    _, server = replay(cohort, responses)
    server.aggregate()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    cohort.check_aggregate(server)
    return peak / 1e6


def measure(cohort: Cohort, dropouts: int) -> dict[str, float]:
    """One session, its limits beside it, and its server's work again and again."""
    params, recording = cohort.params, record(cohort, dropouts)
    (spec,) = params.vectors
    server_masks, unmask_ms, server_limit_ms = recording.masks_left(params), [], []
    for repetition in range(_REPETITIONS):
        block = _BLOCKS[repetition % len(_BLOCKS)]
        server_limit_ms.append(limit_ms(cohort, server_masks, block))
        unmask_ms.append(replay(cohort, recording.responses)[0])
    client_mask_ms = min(recording.client_ms[MASKED_INPUT].values())
    shares_ms = recording.client_ms[SHARE_KEYS]
    return {
        "limit_mask_ms": min(recording.limit_ms),
        "limit_mask_aes_128_ms": aes_128_limit_ms(params.degree + 1, spec.length, spec.modulus_bits),
        "client_mask_ms": client_mask_ms,
        "client_mask_over_limit": client_mask_ms / min(recording.limit_ms),
        "client_keys_and_shares_ms": min(shares_ms[i] + recording.client_ms[ADVERTISE_KEYS][i] for i in shares_ms),
        "server_unmask_ms": min(unmask_ms),
        "server_limit_ms": min(server_limit_ms),
        "server_unmask_over_limit": min(unmask_ms) / min(server_limit_ms),
        "upload_bytes": recording.upload(),
        "peak_server_mb": peak_of_server(cohort, recording.responses),
        "client_masks": params.degree + 1,
        "server_masks": server_masks,
        "threshold": params.threshold,
        "committee_ms": 0.0,
        "committee_bytes_down": 0,
        "committee_bytes_up": 0,
        "messages_per_client": len(ROUNDS),
    }


def measure_windows(options: argparse.Namespace) -> dict[str, float]:
    """The same of the protocol in which clients speak once (benchmarks.speakonce says what is timed)."""
    window = open_window(
        options.clients,
        degree=options.degree,
        dropout=options.dropout,
        length=options.length,
        modulus_bits=options.modulus_bits,
    )
    params, blocks, limits = window.params, cycle(_BLOCKS), []

    def take_limit(masks: int) -> float:
        return timed(limit, masks, options.length, options.modulus_bits, next(blocks))[0]

    absent = int(options.dropout * options.clients)
    recorded, server = play(window, absent, lambda: limits.append(take_limit(params.degree + 1)))
    server_masks, unmask_ms, server_limit_ms = masks_left(window, server), [], []
    for _ in range(_REPETITIONS):
        server_limit_ms.append(take_limit(server_masks))
        unmask_ms.append(replay_window(window, recorded)[0])
    tracemalloc.start()
    replay_window(window, recorded)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    client_mask_ms = min(recorded.mask_ms.values())
    members = recorded.responses[1]
    return {
        "limit_mask_ms": min(limits),
        "limit_mask_aes_128_ms": aes_128_limit_ms(params.degree + 1, options.length, options.modulus_bits),
        "client_mask_ms": client_mask_ms,
        "client_mask_over_limit": client_mask_ms / min(limits),
        "client_keys_and_shares_ms": min(recorded.shares_ms.values()),
        "server_unmask_ms": min(unmask_ms),
        "server_limit_ms": min(server_limit_ms),
        "server_unmask_over_limit": min(unmask_ms) / min(server_limit_ms),
        "upload_bytes": max(map(len, recorded.responses[0].values())),
        "peak_server_mb": peak / 1e6,
        "client_masks": params.degree + 1,
        "server_masks": server_masks,
        "threshold": params.threshold,
        "members": params.members,
        "quorum": params.quorum,
        "floor": params.floor,
        "committee_ms": max(recorded.member_ms.values()),
        "committee_bytes_down": max(recorded.member_down.values()),
        "committee_bytes_up": max(
            sum(len(answers[member]) for answers in recorded.responses[1:] if member in answers) for member in members
        ),
        "messages_per_client": 1,
    }


def beside_flower(flower: ModuleType, cohort: Cohort, dropouts: int, ours: Mapping[str, float]) -> dict[str, float]:
    """Flower's times for the same work, and how many times ours they are."""
    params = cohort.params
    (spec,) = params.vectors
    work = flower.Work(
        neighbors=params.degree,
        threshold=params.threshold,
        length=spec.length,
        modulus_bits=spec.modulus_bits,
        survivors=params.clients - dropouts,
        dropouts=dropouts,
        server_masks=int(ours["server_masks"]),
    )
    times = {
        "flower_client_mask": (flower.client_mask_ms(work), "client_mask_ms"),
        "flower_client_shares": (flower.client_shares_ms(work), "client_keys_and_shares_ms"),
        "flower_server_unmask": (flower.server_unmask_ms(work), "server_unmask_ms"),
    }
    result = {f"{name}_ms": elapsed for name, (elapsed, _) in times.items()}
    return result | {f"{name}_ratio": elapsed / ours[key] for name, (elapsed, key) in times.items()}


def _load_flower() -> ModuleType:
    try:
        from . import flower  # noqa: PLC0415  (an extra)
    except ImportError as error:
        raise SystemExit(f"--vs-flower needs the extra `flower`: pip install -e '.[flower]' ({error})") from error
    return flower


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.secagg", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--protocol", choices=("secagg", "speakonce"), default="secagg")
    parser.add_argument("--clients", type=int, default=100)
    parser.add_argument("--degree", type=int, default=50, help="neighbors of a client; clients - 1: complete graph")
    parser.add_argument("--threshold", type=int, help="default: the lowest that is secure")
    parser.add_argument("--length", type=int, default=1_000_000, help="coordinates of the vector")
    parser.add_argument("--dropout", type=float, default=0.1, help="share of the clients that vanish")
    parser.add_argument("--modulus-bits", type=int, default=32, help="bits of a coordinate, 8 to 64")
    parser.add_argument("--threads", type=int, default=1, help="threads for masks and limits; wall time if several")
    parser.add_argument("--vs-flower", action="store_true", help="beside Flower's own SecAgg+")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(arguments)
    if options.vs_flower and options.modulus_bits > 62:
        parser.error("--vs-flower: Flower computes in int64, use at most 62 modulus bits")
    if options.protocol == "speakonce" and (options.vs_flower or options.threads > 1 or options.threshold):
        parser.error("--protocol speakonce: --vs-flower, --threads and --threshold are about the five rounds")
    if options.threads < 1 or (options.vs_flower and options.threads > 1):
        parser.error("--threads: at least 1, and 1 beside Flower, which uses no threads")
    return options


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse options, measure, print."""
    options = _options(arguments)
    if options.protocol == "speakonce":
        _print(measure_windows(options), as_json=options.json)
        return
    flower = _load_flower() if options.vs_flower else None
    dropouts = round(options.dropout * options.clients)
    cohort = invite_securely(
        options.clients,
        degree=options.degree,
        threshold=options.threshold,
        dropouts=dropouts,
        length=options.length,
        modulus_bits=options.modulus_bits,
    )
    try:
        if options.threads == 1:
            result = measure(cohort, dropouts)
        else:
            with ThreadPoolExecutor(options.threads) as pool:
                result = measure(replace(cohort, crew=Crew(options.threads, pool.map)), dropouts)
    except ProtocolError as error:
        raise SystemExit(str(error)) from error
    if flower:
        result |= beside_flower(flower, cohort, dropouts, result)
    _print(result, as_json=options.json)


def _print(result: Mapping[str, float], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name:28} {value:14,.2f}")


if __name__ == "__main__":
    main()
