"""A client's own conditions for speaking: those it has for every session, and what only a window needs.

SPP-1  The frozen roster is one that this client saw published before there was a beacon, and the beacon is what this
       client read itself: a server that chose one after the other could steer ring and committee.
SPP-2  Ring and committee are judged by the client itself, for as many corrupt clients as it assumes: of the whole
       pinned roster, because a server that withholds prekeys withholds those of honest clients.
SPP-3  The window ends when this client agreed to: no server has it keep its keys longer.
"""

from dataclasses import dataclass

from ..errors import ParametersError, PolicyRule, PolicyViolationError
from ..params import DIGEST_SIZE
from ..policy import ClientPolicy
from .committee import check
from .params import WindowParams


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowPolicy:
    """What a client insists on.

    Attributes:
        terms: As for a session of five rounds; `adversary` and `patience` are not asked.
        frozen_digest: `WindowParams.frozen_digest` as it was published before the beacon was drawn, 32 bytes.
        beacon: The beacon, 32 bytes, from where it is drawn; never from the server.
        latest_end: The window may end then, and no later; in the session's unit.

    Raises:
        ParametersError: a digest or the beacon is not 32 bytes.
    """

    terms: ClientPolicy
    frozen_digest: bytes
    beacon: bytes
    latest_end: int

    def __post_init__(self) -> None:
        if len(self.frozen_digest) != DIGEST_SIZE or len(self.beacon) != DIGEST_SIZE:
            raise ParametersError(f"policy: frozen_digest and beacon are {DIGEST_SIZE} bytes each")

    def check(self, params: WindowParams) -> None:
        """Checks a window against every line.

        Raises:
            PolicyViolationError: names the first line that it breaks.
        """
        self.terms.check_terms(params)
        lines = (
            (
                PolicyRule.FROZEN,
                params.frozen_digest == self.frozen_digest,
                "the roster is not the one that was published before the beacon",
            ),
            (PolicyRule.BEACON, params.beacon == self.beacon, "the beacon is another than the one that was drawn"),
            (
                PolicyRule.WINDOW,
                params.end <= self.latest_end,
                f"the window ends at {params.end}, and {self.latest_end} is the latest",
            ),
        )
        for rule, holds, problem in lines:
            if not holds:
                raise PolicyViolationError(rule, problem)
        try:
            check(
                params.clients,
                members=params.members,
                quorum=params.quorum,
                degree=params.degree,
                floor=params.floor,
                corrupt=params.corrupt,
                security_bits=self.terms.security_bits,
            )
        except ParametersError as error:
            raise PolicyViolationError(PolicyRule.COMMITTEE, str(error)) from error
