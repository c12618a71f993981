"""The leakage-rank oracle: exactly which combinations of honest clients' vectors an adversary can compute.

Every upload is a linear form with coefficients +1 and -1 over unknowns: the client's vector x, its self mask b, and one
mask s for each peer. What the adversary knows is substituted, what it does not know must cancel; the combinations of
vectors that are left when it does are what leaks, and nothing else does.

ORA-1  A mask is known if its secret is: a secret is recovered by `threshold` genuine shares of one sharing, known
       because the holder is corrupt, because the box was sealed to a key that no honest client advertised, or because
       an honest holder released a share out of the very box that the owner had sealed.
ORA-2  Two uploads have a mask in common only if both clients saw the same graph and the same two mask keys. A mask
       agreed on with a key that no honest client advertised is known.
ORA-3  A public mask key names a client's randomness: who brings it to two sessions brought the same secrets to both.
ORA-4  Cryptography is taken to be perfect, and the adversary to know whatever ORA-1 to ORA-3 leave open.
ORA-5  What was not looked at does not hold: where there are too many combinations to go through them all, that is a
       problem like any other.
ORA-6  The messages are taken to be all there were, as whoever wrote them down says: an oracle audits an honest logger,
       and no server that leaves out what it did.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, islice
from typing import TypeAlias

from ..errors import MalformedMessageError, ParametersError
from ..params import SessionParams
from ..primitives.algebra import Vector, as_integers, cancelling, is_searchable, lightest, parts, reduce
from ..speakonce.params import WindowParams
from .transcript import Transcript
from .views import Secret, Sharing, Upload, Views, read_views
from .windows import read_window

_AnyViews: TypeAlias = Views[SessionParams] | Views[WindowParams]
_Polynomial: TypeAlias = tuple[bytes, bytes, int, Secret]  # graph, mask key of the dealer, threshold, what it hides


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionFindings:
    """What one session gives away. Clients are named by their position in its roster.

    Attributes:
        iteration: Number of the model update.
        clients: Number of invited clients.
        survivors: The survivor set for which honest clients released shares; empty if there is none, or more than one.
        corrupt: The corrupt clients among those invited.
        leaks: Basis of the combinations that leak, in reduced form: the coefficient of each client's vector.
    """

    iteration: int
    clients: int
    survivors: frozenset[int]
    corrupt: frozenset[int]
    leaks: tuple[Mapping[int, int], ...]

    @property
    def in_words(self) -> str:
        """What leaks, for people."""
        if len(self.leaks) <= 1:
            return ", ".join([*map(_in_words, self.leaks), "nothing else" if self.leaks else "nothing"])
        return f"{len(self.leaks)} combinations: {_listed(self.leaks)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What all sessions give away together.

    Clients are numbered as in the roster of the first session. With the same inputs, whoever joins in a later session
    gets the next number; with separate inputs, client i of a later session has number i plus the sizes of the rosters
    before it, because each of its vectors is another unknown.

    Attributes:
        sessions: Each session for itself, in the order given.
        leaks: Basis of the combinations that leak, in reduced form: the coefficient of each client's vector.
        survivors: The survivor sets of all sessions.
        problems: One sentence for each violation.
    """

    sessions: tuple[SessionFindings, ...]
    leaks: tuple[Mapping[int, int], ...]
    survivors: frozenset[int]
    problems: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing leaks but what the protocol promises to tell."""
        return not self.problems

    @property
    def dimension(self) -> int:
        """Number of independent combinations that leak."""
        return len(self.leaks)

    @property
    def support(self) -> frozenset[int]:
        """Clients whose vectors occur in what leaks."""
        return frozenset().union(*self.leaks)


def audit(
    transcripts: Sequence[Transcript],
    *,
    corrupt: Collection[int] = (),
    same_inputs: bool = False,
    min_support: int | None = None,
) -> Findings:
    """Computes what leaks to an adversary that runs the server and has corrupted some clients.

    It holds for a session when all honest clients saw the same parameters (and with them the same model), released
    shares for one survivor set at most, and when what leaks is nothing, or the plain sum over the honest survivors: one
    dimension, equal coefficients, at least `min_survivors - corrupt` clients of its parameters, and never one alone.

    It holds for sessions together when they leak no combination that is not made of what each leaks by itself (their
    rank is then at most the number of sessions). With the same inputs, moreover, no combination of all that leaks may
    isolate fewer than `min_support` clients. What leaks is split into parts that share no client, and in each the
    smallest combination is looked for (`algebra.lightest`): exactly up to 20,000 candidate subspaces, which covers five
    sessions in which the cohort splits into up to 27 groups of clients with the same attendance; beyond, among the
    reduced basis and its pairwise sums and differences, and it does not hold, because nobody has looked further.

    Args:
        transcripts: Sessions, at least one.
        corrupt: Clients that work with the server, by position in the first session's roster; whoever is only in later
            rosters has the next numbers, in order of appearance.
        same_inputs: Whether a client brings the same vectors to all sessions, as it nearly does when a model hardly
            changes between iterations: then sums over changing cohorts may be subtracted from one another.
        min_support: Fewest clients that a combination may isolate; by default the smallest `min_survivors - corrupt`.

    Raises:
        ParametersError: no transcript, one that is given twice, a corrupt client that is in no roster, or `min_support`
            below 1.
        MalformedMessageError: what a client that is not corrupt received or sent is not the protocol's, or is missing;
            names the session, the exchange and the field.
    """
    if not transcripts:
        raise ParametersError("an audit needs at least one transcript")
    if len(set(transcripts)) < len(transcripts):
        raise ParametersError("the same transcript was given twice: a session counts once")
    if min_support is not None and min_support < 1:
        raise ParametersError(f"min_support must be at least 1, got {min_support}")
    people = list(dict.fromkeys(identity for each in transcripts for identity in each.params.identities))
    if strangers := sorted(client for client in corrupt if not 0 <= client < len(people)):
        raise ParametersError(f"corrupt: {strangers} are no clients, there are {len(people)}")
    traitors = frozenset(people[client] for client in corrupt)
    views = [_read(number, transcript, traitors) for number, transcript in enumerate(transcripts, start=1)]
    known = _Known.gather(views)
    sessions = tuple(_examine(view, known, traitors) for view in views)
    numbers = _number(views, people, same_inputs=same_inputs)
    pairs = list(zip(views, numbers, strict=True))
    together = _leaks(known, [(upload, own[upload.client]) for view, own in pairs for upload in view.uploads])
    problems = [
        f"session {number} (iteration {session.iteration}): {problem}"
        for number, (view, session) in enumerate(zip(views, sessions, strict=True), start=1)
        for problem in _problems(view, session)
    ]
    apart = [
        {own[client]: value for client, value in leak.items()}
        for session, own in zip(sessions, numbers, strict=True)
        for leak in session.leaks
    ]
    least = (min_support or min(_promised(view) for view in views)) if same_inputs else 1
    problems += _problems_together(together, apart, least)
    return Findings(
        sessions=sessions,
        leaks=tuple(as_integers(leak) for leak in together),
        survivors=frozenset(
            own[client] for session, own in zip(sessions, numbers, strict=True) for client in session.survivors
        ),
        problems=tuple(problems),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What the adversary knows of honest clients' secrets.

    Attributes:
        honest_keys: Mask keys that honest clients advertised.
        secrets: Those that are recovered.
    """

    honest_keys: frozenset[bytes]
    secrets: frozenset[Secret]

    @classmethod
    def gather(cls, sessions: Sequence[_AnyViews]) -> "_Known":
        """Counts the shares that the adversary has (ORA-1)."""
        seal_keys = frozenset().union(*(session.seal_keys for session in sessions))
        holders: dict[_Polynomial, set[bytes]] = {}
        sealed: dict[tuple[bytes, bytes], Sharing] = {}
        for sharing in (sharing for session in sessions for sharing in session.sharings):
            opened = {holder for holder, seal_key in sharing.seal_keys.items() if seal_key not in seal_keys}
            for polynomial in _polynomials(sharing, sharing.secrets):
                holders.setdefault(polynomial, set()).update(opened)
            sealed |= dict.fromkeys(sharing.boxes.items(), sharing)
        for release in (release for session in sessions for release in session.releases):
            for box, secrets in release.released.items():
                if sharing_of_box := sealed.get((release.holder, box)):
                    for polynomial in _polynomials(sharing_of_box, secrets & sharing_of_box.secrets):
                        holders[polynomial].add(release.holder)
        recovered = {secret for (_, _, threshold, secret), those in holders.items() if len(those) >= threshold}
        return cls(
            honest_keys=frozenset().union(*(session.mask_keys for session in sessions)),
            secrets=frozenset(recovered.union(*(session.recovered for session in sessions))),
        )


def _polynomials(sharing: Sharing, secrets: Collection[Secret]) -> Iterator[_Polynomial]:
    return ((sharing.graph, sharing.mask_key, sharing.threshold, secret) for secret in secrets)


def _unknown_masks(upload: Upload, known: _Known) -> Iterator[tuple[tuple[bytes | int, ...], int]]:
    """The masks of an upload that the adversary does not know: what names each, and its sign (ORA-2)."""
    for mask in upload.masks:
        honest = mask.peer_key is None or mask.peer_key in known.honest_keys
        if honest and known.secrets.isdisjoint(mask.secrets):
            yield mask.name, mask.sign


def _leaks(known: _Known, uploads: Sequence[tuple[Upload, int]]) -> list[Vector]:
    """A basis of what leaks from uploads, each with the number of the vector inside."""
    columns: dict[tuple[bytes | int, ...], dict[int, int]] = {}
    for row, (upload, _) in enumerate(uploads):
        for mask, sign in _unknown_masks(upload, known):
            columns.setdefault(mask, {})[row] = sign
    leaks = []
    for combination in cancelling(columns.values(), len(uploads)):
        leak: Vector = {}
        for row, coefficient in combination.items():
            number = uploads[row][1]
            leak[number] = leak.get(number, 0) + coefficient
        leaks.append(leak)
    return reduce(leaks)


def _read(number: int, transcript: Transcript, traitors: Collection[bytes]) -> _AnyViews:
    try:
        if isinstance(transcript.params, WindowParams):
            return read_window(transcript.params, transcript.exchanges, traitors)
        return read_views(transcript.params, transcript.exchanges, traitors)
    except MalformedMessageError as error:
        raise MalformedMessageError(f"session {number}, {error}") from error


def _examine(session: _AnyViews, known: _Known, traitors: Collection[bytes]) -> SessionFindings:
    sets = {(release.graph, release.survivors) for release in session.releases}
    return SessionFindings(
        iteration=session.params.iteration,
        clients=session.params.clients,
        survivors=next(iter(sets))[1] if len(sets) == 1 else frozenset(),
        corrupt=frozenset(i for i, identity in enumerate(session.params.identities) if identity in traitors),
        leaks=tuple(map(as_integers, _leaks(known, [(upload, upload.client) for upload in session.uploads]))),
    )


def _promised(session: _AnyViews) -> int:
    """Fewest honest clients that a sum may cover: what the parameters say, and never one."""
    return max(session.params.min_survivors - session.params.corrupt, 2)


def _problems(session: _AnyViews, findings: SessionFindings) -> Iterator[str]:
    """What one session violates by itself."""
    if session.strayed:
        yield f"clients {sorted(session.strayed)} were shown other parameters, perhaps another model, than announced"
    sets = {(release.graph, release.survivors) for release in session.releases}
    if len(sets) > 1:
        yield f"honest clients released shares for {len(sets)} survivor sets, where one may be unmasked"
    if len(findings.leaks) > 1:
        yield f"{len(findings.leaks)} independent combinations leak, where one sum may: {_listed(findings.leaks)}"
    for leak in findings.leaks if len(findings.leaks) == 1 else ():
        honest = findings.survivors - findings.corrupt
        if not sets:
            yield f"{_in_words(leak)} leaks, although no honest client released a share"
        elif len(sets) == 1 and leak != dict.fromkeys(honest, 1):
            yield f"{_in_words(leak)} leaks, which is not the sum over the {len(honest)} honest survivors"
        if len(leak) < _promised(session):
            yield f"{_in_words(leak)} leaks, where at least {_promised(session)} honest clients were promised"


def _problems_together(together: Sequence[Vector], apart: Sequence[Mapping[int, int]], least: int) -> Iterator[str]:
    """What several sessions violate in company."""
    if len(together) > (rank := len(reduce(apart))):
        yield (
            f"together the sessions leak {len(together)} independent combinations, by themselves {rank}: masks of one "
            f"were used in another"
        )
    divided = parts(together) if least > 1 else []
    smallest = min(map(lightest, divided), key=len, default={})
    if 0 < len(smallest) < least:
        yield f"together the sessions leak {_in_words(smallest)}, where at least {least} clients were promised"
    for part in divided:
        if not is_searchable(part):
            yield (
                f"not searched exhaustively: {len(part)} independent combinations over {len(set().union(*part))} "
                f"clients' vectors leak, too many to tell whether all that follow from them are over at least {least}; "
                f"audit fewer sessions at a time"
            )


def _number(sessions: Sequence[_AnyViews], people: Sequence[bytes], *, same_inputs: bool) -> list[list[int]]:
    """For each session, the number of each client's vector among all that are unknown."""
    if same_inputs:
        places = {identity: number for number, identity in enumerate(people)}
        return [[places[identity] for identity in session.params.identities] for session in sessions]
    numbers = count()
    return [list(islice(numbers, session.params.clients)) for session in sessions]


def _in_words(leak: Mapping[int, int]) -> str:
    if len(leak) == 1:
        return f"the vector of client {next(iter(leak))}"
    kind = "the sum" if len(set(leak.values())) == 1 else "a weighted sum"
    return f"{kind} of {len(leak)} clients' vectors"


def _listed(leaks: Sequence[Mapping[int, int]]) -> str:
    """The smallest ones."""
    shown = [_in_words(leak) for leak in sorted(leaks, key=len)[:3]]
    return "; ".join([*shown, f"and {len(leaks) - 3} more"] if len(leaks) > 3 else shown)
