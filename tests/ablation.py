"""Remove one defense at a time and see the test that is named beside it go red.

Each row edits one place of a scratch copy of the source and runs one test against that copy. A row whose text is not
found exactly once, or whose test passes without its defense, is a failure: the defense moved, or the test cannot fail.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Ablation:
    """One defense, how to remove it, and the test that must notice."""

    name: str
    file: str
    defense: str
    without: str
    test: str


_EVIL = "tests/protocols/secagg/test_evil_server.py"
_CLIENT = "tests/protocols/secagg/test_client.py"

ABLATIONS = (
    Ablation(
        "signature check: advertisements",
        "protocols/secagg/client.py",
        "verify_advertisement(params, peer, advertisement)",
        "pass",
        f"{_EVIL}::test_substituted_keys_get_no_box",
    ),
    Ablation(
        "signature check: survivor sets",
        "protocols/secagg/client.py",
        "verify_survivors(params, signer, state.survivors, signature)",
        "pass",
        f"{_EVIL}::test_signatures_on_another_survivor_set_do_not_confirm_this_one",
    ),
    Ablation(
        "model binding: the client compares",
        "protocols/secagg/policy.py",
        "params.model_digest == self.model_digest,",
        "True,",
        f"{_EVIL}::test_a_client_told_of_another_model_uploads_nothing",
    ),
    Ablation(
        "model binding: the session id holds the model",
        "protocols/params.py",
        "                self.model_digest,\n",
        "                bytes(32),\n",
        f"{_EVIL}::test_nobody_uploads_when_one_client_is_shown_another_session",
    ),
    Ablation(
        "one reveal: the state is spent",
        "protocols/secagg/client.py",
        "return Unmasked(), response.encode()",
        "return state, response.encode()",
        f"{_EVIL}::test_a_client_reveals_once_even_if_the_second_request_is_honest_too",
    ),
    Ablation(
        "one reveal: a refusal spends it too",
        "protocols/secagg/client.py",
        "state, self._state = self._state, Aborted()",
        "state = self._state",
        f"{_EVIL}::test_a_refused_request_cannot_be_followed_by_a_better_one",
    ),
    Ablation(
        "survivors and dropouts are disjoint",
        "protocols/secagg/client.py",
        "if survivors & dropouts:",
        "if False:",
        f"{_CLIENT}::test_overlapping_survivors_and_dropouts_get_no_share",
    ),
    Ablation(
        "minimum cohort: invited",
        "protocols/secagg/policy.py",
        "params.clients >= self.min_cohort,",
        "True,",
        f"{_EVIL}::test_a_cohort_below_the_clients_minimum_gets_no_keys",
    ),
    Ablation(
        "minimum cohort: still there",
        "protocols/secagg/client.py",
        "if len(clients) < params.quorum:",
        "if False:",
        f"{_EVIL}::test_nothing_is_given_for_fewer_clients_than_the_promised_survivors",
    ),
    Ablation(
        "clipping of an artwork's row",
        "fedstyle_secure/privacy/clipping.py",
        "np.maximum(norms, segment.clip_norm)",
        "segment.clip_norm",
        "tests/privacy/test_clipping.py::test_one_more_artwork_moves_the_sum_by_at_most_one",
    ),
    Ablation(
        "folding of views inside the artwork",
        "fedstyle_secure/artist.py",
        "model.align(whitened[:, 1:])",
        "model.align(whitened[:, 1:]).reshape(-1, 1, whitened.shape[2])",
        "tests/training/test_objective.py::test_views_folded_into_an_artwork_keep_its_influence_within_one_clip_norm",
    ),
    Ablation(
        "support rule",
        "fedstyle_secure/aggregation.py",
        "if support < min_cohort:",
        "if False:",
        "tests/test_aggregation.py::test_support_rule_nothing_is_masked_that_one_artist_fills_alone",
    ),
    Ablation(
        "the ledger is charged first",
        "fedstyle_secure/artist.py",
        "self.ledger.charge(Release.of(mechanism, name=name, iteration=announcement.iteration))",
        "pass",
        "tests/test_artist.py::test_a_charge_over_the_limit_means_no_answer_and_an_unchanged_ledger",
    ),
    Ablation(
        "noise share",
        "fedstyle_secure/privacy/noise.py",
        "quantized.values + noise",
        "quantized.values + 0 * noise",
        "tests/privacy/test_noise.py::test_an_upload_holds_a_full_noise_share",
    ),
    Ablation(
        "noise sized for honest survivors",
        "fedstyle_secure/privacy/sizing.py",
        "SMOOTHING**2) / self.honest)",
        "SMOOTHING**2) / self.clients)",
        "tests/privacy/test_noise.py::test_the_honest_survivors_alone_reach_the_claimed_multiplier",
    ),
)


def run(ablation: Ablation, scratch: Path) -> str:
    """Empty if the named test is green with the defense and red without it; else what is wrong."""
    for package in ("fedstyle_secure", "protocols", "threat_models", "tests"):
        shutil.copytree(ROOT / package, scratch / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", scratch)
    if _pytest(scratch, ablation.test) != 0:
        return f"{ablation.name}: {ablation.test} is red although the defense is in place"
    path = scratch / ablation.file
    source = path.read_text(encoding="utf-8")
    if source.count(ablation.defense) != 1:
        return f"{ablation.name}: {ablation.file} holds {source.count(ablation.defense)} times: {ablation.defense}"
    path.write_text(source.replace(ablation.defense, ablation.without), encoding="utf-8")
    outcome = _pytest(scratch, ablation.test)
    return "" if outcome == 1 else f"{ablation.name}: {ablation.test} ends with {outcome} although the defense is gone"


def _pytest(scratch: Path, test: str) -> int:
    """Pytest's exit code, run inside the copy: 1 means that a test failed."""
    command = [sys.executable, "-m", "pytest", "-x", "-p", "no:cacheprovider", "-p", "no:randomly", test]
    environment = os.environ | {"PYTHONPATH": str(scratch), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, cwd=scratch, env=environment, capture_output=True, check=False).returncode
