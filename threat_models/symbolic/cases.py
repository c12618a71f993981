"""What is searched: two scenarios of each protocol; checks that are left out, and the attack that must then be found.

SYM-1  A case counts only if an honest run in it completes and the server gets the sums it should: nothing is safe
       merely because nothing happens.
SYM-2  Each check of the model is missed: left out, alone or together with the one that would catch the same attack, it
       lets an attack through.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from protocols import SessionParams, VectorSpec
from protocols.speakonce import Prekeys, WindowParams

from .search import SAFE, Exploration, Model


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Who takes part, in which sessions; the numbers are those of a session that the real constructor accepts.

    Attributes:
        title: For people.
        clients: The model's name for the honest clients.
        one_session: The same for those of one session, for the honest run.
        among: Ends the names of what the server can send: all its lies, or what an honest one sends.
        params: Threshold, fewest survivors, and confirmations or quorum.
        pinned: The roster.
        owned: Clients that are the server's.
        sums: By the survivor set that an honest server names, what it must be able to learn in the end.
    """

    title: str
    clients: str
    one_session: str
    among: str
    params: SessionParams | WindowParams
    pinned: str
    owned: str
    sums: Mapping[str, str]

    def lying(self, without: tuple[str, ...]) -> str:
        """The first state, as the model writes it, with a server that lies."""
        return self._start(without, self.clients, f"lying-{self.among}")

    def honest(self, without: tuple[str, ...], survivors: str) -> str:
        """The first state of one session with a server that names these survivors, and else does what it should."""
        return self._start(without, self.one_session, f"honest-{self.among}, claim({survivors})")

    def _start(self, without: tuple[str, ...], clients: str, messages: str) -> str:
        params = self.params
        signatures = params.confirmations if isinstance(params, SessionParams) else params.quorum
        numbers = f"{params.threshold}, {params.min_survivors}, {signatures}, {self.pinned}, {self.owned}"
        return f"{{{' & '.join(without) or 'nothing'} / numbers({numbers}) / {clients} / {messages}}}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One search.

    Attributes:
        scenario: Where.
        without: Checks that are left out.
        verdict: What must be found: an attack, or `SAFE`.
        why: The attack, or what stands in its way, in a few words.
    """

    scenario: Scenario
    without: tuple[str, ...] = ()
    verdict: str = SAFE
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a search came to.

    Attributes:
        case: What was searched.
        completes: Whether an honest run gives each of the scenario's sums (SYM-1).
        found: What the lying server reached.
    """

    case: Case
    completes: bool
    found: Exploration

    @property
    def holds(self) -> bool:
        """Whether the case came out as it must."""
        return self.completes and self.found.verdict == self.case.verdict

    @property
    def in_words(self) -> str:
        """``holds``, or what is wrong."""
        if not self.completes:
            return "no honest run completes: nothing is shown"
        if self.found.verdict == self.case.verdict:
            return "holds"
        return "the claim fails" if self.case.verdict == SAFE else f"{self.case.verdict} was not found"


def search(model: Model, case: Case) -> Result:
    """Runs one case: the honest server first, then the lying one."""
    scenario = case.scenario
    completes = all(
        model.reaches(scenario.honest(case.without, survivors), total) for survivors, total in scenario.sums.items()
    )
    return Result(case=case, completes=completes, found=model.explore(scenario.lying(case.without)))


def _params(clients: int, *, corrupt: int) -> SessionParams:
    """The complete graph, threshold 2 and three survivors: the least that `SessionParams` allows for 3 or 4 clients."""
    return SessionParams(
        session=1,
        iteration=1,
        server_key=bytes(32),
        identities=tuple(bytes([index]) * 32 for index in range(clients)),
        vectors=(VectorSpec(name="update", length=1, modulus_bits=8, max_abs_input=1),),
        degree=clients - 1,
        threshold=2,
        corrupt=corrupt,
        min_survivors=3,
    )


def _window(*, corrupt: int, members: int, quorum: int, min_survivors: int) -> WindowParams:
    """The complete graph over four clients."""
    return WindowParams(
        session=1,
        iteration=1,
        server_key=bytes(32),
        identities=tuple(bytes([index]) * 32 for index in range(4)),
        prekeys=(Prekeys(seal_key=bytes(32), mask_key=bytes(32), signature=bytes(64)),) * 4,
        vectors=(VectorSpec(name="update", length=1, modulus_bits=8, max_abs_input=1),),
        degree=3,
        floor=0,
        members=members,
        quorum=quorum,
        corrupt=corrupt,
        min_survivors=min_survivors,
        beacon=bytes(32),
        end=0,
    )


TWO_ITERATIONS = Scenario(
    title="two honest clients, one corrupt, two iterations at once",
    clients="two-clients-twice",
    one_session="two-clients",
    among="among-three",
    params=_params(3, corrupt=1),
    pinned="a b c",
    owned="c e",
    sums={"a b c": "vector(a, 1) + vector(b, 1)"},
)
DROPOUTS = Scenario(
    title="four honest clients, one may vanish",
    clients="four-clients",
    one_session="four-clients",
    among="among-four",
    params=_params(4, corrupt=0),
    pinned="a b c d",
    owned="nobody",
    sums={
        "a b c d": "vector(a, 1) + vector(b, 1) + vector(c, 1) + vector(d, 1)",
        "b c d": "vector(b, 1) + vector(c, 1) + vector(d, 1)",
    },
)
WINDOW_KEYS = Scenario(
    title="speaking once: two honest clients, two corrupt, a committee of two",
    clients="two-ready",
    one_session="two-ready",
    among="window-among-two",
    params=_window(corrupt=2, members=2, quorum=2, min_survivors=4),
    pinned="a b c e",
    owned="c e",
    sums={"a b c e": "vector(a, 1) + vector(b, 1)"},
)
WINDOW_SETS = Scenario(
    title="speaking once: four honest clients, a committee of three, one client may be late",
    clients="four-ready",
    one_session="four-ready",
    among="window-among-four",
    params=_window(corrupt=0, members=3, quorum=2, min_survivors=3),
    pinned="a b c d",
    owned="nobody",
    sums={
        "a b c d": "vector(a, 1) + vector(b, 1) + vector(c, 1) + vector(d, 1)",
        "a b c": "vector(a, 1) + vector(b, 1) + vector(c, 1)",
    },
)

CASES = (
    Case(scenario=TWO_ITERATIONS, why="All checks are on"),
    Case(
        scenario=TWO_ITERATIONS,
        without=("roster",),
        verdict="one-vector",
        why="The server invites its own clients in place of all others",
    ),
    Case(
        scenario=TWO_ITERATIONS,
        without=("advertisement",),
        verdict="one-vector",
        why="The server in the middle: shares and masks are agreed on with keys of its own",
    ),
    Case(
        scenario=TWO_ITERATIONS,
        without=("one-share",),
        verdict="one-vector",
        why="One answer holds the shares of a peer's self mask and of its mask key",
    ),
    Case(
        scenario=TWO_ITERATIONS,
        without=("survivors", "confirmations"),
        verdict="one-vector",
        why="Split view: to one client the other has survived, to that one the first has not",
    ),
    Case(scenario=TWO_ITERATIONS, without=("survivors",), why="Two clients cannot give three confirmations"),
    Case(scenario=TWO_ITERATIONS, without=("confirmations",), why="With three clients the only set is everyone"),
    Case(
        scenario=TWO_ITERATIONS,
        without=("advertised-session", "derived-session"),
        verdict="two-iterations",
        why="Two clients agree on keys across iterations, and their uploads are added",
    ),
    Case(scenario=TWO_ITERATIONS, without=("advertised-session",), why="Boxes of another session do not open"),
    Case(scenario=TWO_ITERATIONS, without=("derived-session",), why="Keys of another session carry no valid signature"),
    Case(scenario=DROPOUTS, why="All checks are on"),
    Case(
        scenario=DROPOUTS,
        without=("confirmations",),
        verdict="too-few",
        why="Each half unmasks another survivor set; what both leave is a sum of fewer",
    ),
    Case(
        scenario=DROPOUTS,
        without=("once",),
        verdict="one-vector",
        why="The same clients unmask a client as a survivor, then as a dropout",
    ),
    Case(
        scenario=DROPOUTS,
        without=("self-mask",),
        verdict="one-vector",
        why="A client that delivered is called a dropout, and its mask key opens its upload",
    ),
    Case(scenario=WINDOW_KEYS, why="All checks are on"),
    Case(
        scenario=WINDOW_KEYS,
        without=("advertisement",),
        verdict="one-vector",
        why="The server in the middle: prekeys of its own under the others' names",
    ),
    Case(
        scenario=WINDOW_KEYS,
        without=("advertised-session",),
        verdict="one-vector",
        why="Prekeys of a session before are replayed, whose private halves got out",
    ),
    Case(
        scenario=WINDOW_KEYS,
        without=("drawn-itself",),
        verdict="one-vector",
        why="The server steers the committee, until both members are its own",
    ),
    Case(scenario=WINDOW_SETS, why="All checks are on"),
    Case(
        scenario=WINDOW_SETS,
        without=("cross-check",),
        verdict="too-few",
        why="Halves of the committee are shown two survivor sets; what both leave is a sum of fewer",
    ),
    Case(
        scenario=WINDOW_SETS,
        without=("once",),
        verdict="one-vector",
        why="The window is closed a second time, over others",
    ),
    Case(
        scenario=WINDOW_SETS,
        without=("whose-shares",),
        verdict="one-vector",
        why="Of every dealing everything is released",
    ),
    Case(
        scenario=WINDOW_SETS,
        without=("survivors",),
        verdict="too-few",
        why="One consistent set of fewer than were promised",
    ),
    Case(
        scenario=WINDOW_SETS,
        without=("self-mask",),
        verdict="one-vector",
        why="A client that is late finds its masks with all others released",
    ),
)
