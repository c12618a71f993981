"""A window's defenses, each by the text that makes it, and which attack finds out that it is missing."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ..adversaries.defenses import Ablation
from ..edits import Edit
from . import attacks
from .attacks import Attack

_CLIENT: Final = "protocols.speakonce.client"
_POLICY: Final = "protocols.speakonce.policy:WindowPolicy.check"
_TERMS: Final = "protocols.policy:ClientPolicy.check_terms"
_PARAMS: Final = "protocols.speakonce.params:WindowParams"
_RECOVERY: Final = "protocols.speakonce.recovery:_Secrets"

PREKEYS: Final = Edit(
    f"{_CLIENT}:_check_window",
    "for peer in sorted({*params.neighbors(index), *params.committee} - {index}):",
    "for peer in ():",
)

LEAKS: Mapping[Ablation, Attack] = MappingProxyType(
    {
        Ablation(
            "a count of signatures",
            (Edit(f"{_CLIENT}:_check_signatures", "if len(signatures) < params.quorum:", "if False:"),),
        ): attacks.two_sets,
        Ablation(
            "verification of signatures",
            (
                Edit(
                    f"{_CLIENT}:_check_signatures", "verify(params, Domain.COUNTED, signer, content, signature)", "pass"
                ),
            ),
        ): attacks.two_sets,
        Ablation(
            "signatures by members only",
            (Edit(f"{_CLIENT}:_check_signatures", "if not signatures.keys() <= set(params.committee):", "if False:"),),
        ): attacks.two_sets,
        Ablation(
            "one release",
            (
                Edit(
                    f"{_CLIENT}:_release",
                    "return Finished(), ",
                    "return BoxesOpened(params=params, index=state.index, digests=counted, dealt=state.dealt), ",
                ),
            ),
        ): attacks.close_again,
        Ablation(
            "refusal of old snapshots", (Edit("protocols.vault:open_snapshot", "if position < at_least:", "if False:"),)
        ): attacks.roll_back,
        Ablation(
            "survivors as promised",
            (Edit(f"{_CLIENT}:_sign_survivors", "if len(counted) < params.min_survivors:", "if False:"),),
        ): attacks.too_few,
        Ablation(
            "windows of the ring",
            (
                Edit(
                    f"{_CLIENT}:_sign_survivors",
                    "if params.thinnest_window(frozenset(counted)) < params.floor:",
                    "if False:",
                ),
            ),
        ): attacks.isolate,
        Ablation(
            "whose shares are released", (Edit(f"{_PARAMS}.released", " if peer not in survivors]", "]"),)
        ): attacks.close_honestly,
        Ablation(
            "the beacon is read, not received", (Edit(_POLICY, "params.beacon == self.beacon,", "True,"),)
        ): attacks.steer_beacon,
        Ablation(
            "the roster is frozen before the beacon",
            (Edit(_POLICY, "params.frozen_digest == self.frozen_digest,", "True,"),),
        ): attacks.steer_roster,
        Ablation(
            "what is chosen late draws nobody",
            (Edit(f"{_PARAMS}._derive_session_id", "Domain.SEED.bind(frozen)", "Domain.SEED.bind(session_id)"),),
        ): attacks.steer_late,
        Ablation(
            "ring and committee judged by the client",
            (Edit(_POLICY, "raise PolicyViolationError(PolicyRule.COMMITTEE, str(error)) from error", "pass"),),
        ): attacks.low_quorum,
        Ablation(
            "a minimum of corrupt clients", (Edit(_TERMS, "params.corrupt >= self.min_corrupt,", "True,"),)
        ): attacks.nobody_corrupt,
        Ablation(
            "a least roster and least survivors",
            (
                Edit(_TERMS, "params.clients >= self.min_cohort,", "True,"),
                Edit(_TERMS, "params.min_survivors >= self.min_survivors,", "True,"),
            ),
            "either alone refuses a roster that was shrunk so far",
        ): attacks.shrink,
        Ablation("a pinned roster", (Edit(_TERMS, "not unknown,", "True,"),)): attacks.sybils,
        Ablation("verification of prekeys", (PREKEYS,)): attacks.forge,
        Ablation(
            "verification of prekeys, replayed ones", (PREKEYS,), "the same check: their signature names the session"
        ): attacks.replay,
    }
)
"""Without these a server gets something; the attack is what it would try."""

_FITS: Final = " or commit(self._params, owner, peer, secret) != commitment:"
_FIRST: Final = "secret = self._combine(releases, number)\n    if secret is None"
_SECOND: Final = "secret = self._combine(releases, number)\n        if secret is None"

EXACTNESS = (
    Ablation(
        "recovered secrets fit their commitments",
        (Edit(f"{_RECOVERY}._secret", f"{_FIRST}{_FITS}", f"{_FIRST}:"),),
    ),
    Ablation(
        "secrets without liars' shares fit, too",
        (Edit(f"{_RECOVERY}._secret", f"{_SECOND}{_FITS}", f"{_SECOND}:"),),
    ),
    Ablation("liars are proved", (Edit(f"{_RECOVERY}._secret", "self._convict(owner, releases)", "pass"),)),
    Ablation(
        "a box holds what its message fixes",
        (Edit("protocols.speakonce.dealing:unseal", "if tree_over(content).root != delivery.root:", "if False:"),),
    ),
    Ablation(
        "the first response only", (Edit("protocols.rounds:require_first", "if index in received:", "if False:"),)
    ),
)
"""Without these, clients that lie make an honest server's sum wrong, or have it name somebody honest."""
