"""Remove one defense at a time and see the test that is named beside it go red.

Each row edits one place of a scratch copy of the source and runs one test against that copy. A row whose text is not
found exactly once, or whose test passes without its defense, is a failure: the defense moved, or the test cannot fail.
"""

import multiprocessing
import os
import shutil
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("fedstyle_secure", "protocols", "threat_models", "tests")

# Processes that have loaded libraries already: doing so takes longer than most tests. Copies of ours are loaded anew.
_NURSERY = multiprocessing.get_context("forkserver")
_NURSERY.set_forkserver_preload(["dp_accounting", "hypothesis", "opacus", "pytest", "timm", "torchvision", "typer"])


@dataclass(frozen=True, slots=True)
class Ablation:
    """One defense, how to remove it, and the test that must notice."""

    name: str
    file: str
    defense: str
    without: str
    test: str


_AGGREGATION = "tests/aggregation/test_aggregation.py"
_BLAME = "tests/protocols/secagg/test_blame.py"
_CLIENT = "tests/protocols/secagg/test_client.py"
_EVIL = "tests/protocols/secagg/test_evil_server.py"
_LOG = "tests/transparency"
_LEDGER = "tests/privacy/test_ledger.py"
_LEDGERS = "tests/privacy/test_ledger_processes.py"
_RESUME = "tests/server/test_resume.py"
_POLICY = "tests/protocols/test_policy.py"
_RECOVERY = "tests/protocols/secagg/test_recovery.py"
_SERVER = "tests/protocols/secagg/test_server.py"
_DATASET = "tests/runs/test_dataset.py"
_WINDOW_ATTACKS = "tests/protocols/speakonce/test_attacks.py"
_WINDOW_CLIENT = "tests/protocols/speakonce/test_client.py"
_WINDOW_RECOVERY = "tests/protocols/speakonce/test_recovery.py"
_TRANSFORMERS = "tests/encoder/test_transformers.py"
_CACHE = "tests/encoder/test_feature_cache.py"

_STORE = "tests/platform/store"

_READER = "tests/artworks/test_reader.py"

ABLATIONS = (
    Ablation(
        "gate: nothing outside the folder is read",
        "fedstyle_secure/artworks/reader.py",
        "                check_inside(path, root)\n",
        "",
        f"{_READER}::TestLinks::test_gate1_a_file_link_that_leads_out_is_left_out",
    ),
    Ablation(
        "gate: what is left out is named",
        "fedstyle_secure/artworks/folders.py",
        "left_out.append(LeftOut(key(path, base), reason))",
        "pass",
        f"{_READER}::test_gate2_every_picture_that_is_not_taken_is_named_with_the_reason",
    ),
    Ablation(
        "gate: a picture counts once",
        "fedstyle_secure/artworks/reader.py",
        "find_copies([artwork for _, artwork in read])",
        "[None] * len(read)",
        f"{_READER}::test_gate3_a_copy_is_left_out_and_counted_once",
    ),
    Ablation(
        "gate: what several artists hold is nobody's",
        "fedstyle_secure/artworks/reader.py",
        "if owners[artwork.digest] == [artist]]",
        "]",
        f"{_READER}::test_gate4_what_several_artists_hold_is_left_out_of_all_of_them",
    ),
    Ablation(
        "gate: a copy varies by little of what a picture varies by",
        "fedstyle_secure/artworks/copies.py",
        "(apart <= NEAR * varied)",
        "(apart <= GRID * GRID * 256)",
        "tests/artworks/test_copies.py::test_gate3_drawings_on_the_same_paper_are_different_works",
    ),
    Ablation(
        "names: nothing steers a terminal or a line",
        "fedstyle_secure/names.py",
        "next(filter(_steers, name), None)",
        "None",
        "tests/test_names.py::test_nam1_what_steers_a_terminal_or_a_line_is_refused_and_shown_as_an_escape",
    ),
    Ablation(
        "names: one person's are folded to one",
        "fedstyle_secure/names.py",
        'normalize("NFKC", normalize("NFD", name).casefold())',
        "name",
        "tests/test_names.py::test_nam2_one_persons_names_fold_to_one",
    ),
    Ablation(
        "names: those that look alike are told apart",
        "fedstyle_secure/names.py",
        "looks[_look(name)] > 1 and not name.isascii()",
        "False",
        "tests/test_names.py::test_names_that_look_alike_are_told_apart",
    ),
    Ablation(
        "endings: a signal is caught before libraries are loaded",
        "fedstyle_secure/cli/start.py",
        "    catch(_leave)\n",
        "",
        "tests/cli/test_endings.py::test_end1_a_signal_ends_a_start_in_a_sentence",
    ),
    Ablation(
        "endings: a terminal that goes away",
        "fedstyle_secure/cli/start.py",
        '    signal.SIGHUP: ("the terminal went away", 129),\n',
        "",
        "tests/cli/test_endings.py::test_end1_a_terminal_that_goes_away_leaves_nothing",
    ),
    Ablation(
        "screen: only a terminal has an edge",
        "fedstyle_secure/cli/screen.py",
        "size = None if has_edge else _NO_EDGE",
        "size = None",
        "tests/cli/test_screen.py::test_scr2_names_are_cut_nowhere_in_a_pipe",
    ),
    Ablation(
        "screen: what standard output does not take is told",
        "fedstyle_secure/cli/screen.py",
        "            raise OutputError(",
        "            OutputError(",
        "tests/cli/test_endings.py::test_scr3_a_full_standard_output_is_told",
    ),
    Ablation(
        "screen: standard output is open before anything begins",
        "fedstyle_secure/cli/start.py",
        "    if sys.stdout is None:\n",
        "    if False:\n",
        "tests/cli/test_endings.py::test_scr3_a_closed_standard_output_is_told_before_anything_begins",
    ),
    Ablation(
        "screen: what standard error does not take is lost",
        "fedstyle_secure/cli/screen.py",
        "            sys.stderr = None",
        "            raise",
        "tests/cli/test_endings.py::test_scr3_what_standard_error_cannot_take_changes_nothing",
    ),
    Ablation(
        "hub: one that is not there is asked once",
        "fedstyle_secure/encoder/hub.py",
        'constants.HF_HUB_OFFLINE = is_offline or not _is_there(urlsplit(constants.ENDPOINT).hostname or "")',
        "pass",
        "tests/encoder/test_hub.py::test_behind_a_proxy_the_library_asks",
    ),
    Ablation(
        "hub: a sentence, not a library's log",
        "fedstyle_secure/encoder/hub.py",
        "    except (OSError, RuntimeError) as error:",
        "    except NotImplementedError as error:",
        "tests/encoder/test_hub.py::test_a_hub_that_is_not_there_is_told_within_seconds",
    ),
    Ablation(
        "bounds: an option is refused before its command begins",
        "fedstyle_secure/cli/options.py",
        "            bounds.check(option.opts[0], value)\n",
        "            pass\n",
        "tests/cli/test_options.py::test_bnd1_an_absurd_number_is_refused_in_one_sentence_before_anything_begins",
    ),
    Ablation(
        "consent: nobody is public by silence",
        "fedstyle_secure/runs/dataset.py",
        "if not settings.all_agreed:",
        "if False:",
        f"{_DATASET}::test_nobody_is_public_by_silence",
    ),
    Ablation(
        "signature check: advertisements",
        "protocols/secagg/client.py",
        "verify_advertisement(params, peer, advertisement)",
        "pass",
        f"{_EVIL}::test_substituted_keys_get_no_box",
    ),
    Ablation(
        "signature check: identities of small order",
        "protocols/primitives/signing.py",
        "if identity in SMALL_ORDER:",
        "if False:",
        "tests/protocols/primitives/test_signing.py::test_an_identity_of_small_order_verifies_nothing",
    ),
    Ablation(
        "signature check: survivor sets",
        "protocols/secagg/client.py",
        "verify_survivors(params, state.graph, signer, survivors, signature)",
        "pass",
        f"{_EVIL}::test_signatures_on_another_survivor_set_do_not_confirm_this_one",
    ),
    Ablation(
        "signers: survivors only",
        "protocols/secagg/client.py",
        "if not request.signatures.keys() <= survivors:",
        "if False:",
        f"{_CLIENT}::test_a_signature_of_someone_who_did_not_survive_does_not_count",
    ),
    Ablation(
        "one survivor set: the client counts confirmations",
        "protocols/secagg/client.py",
        "if len(request.signatures) < params.confirmations:",
        "if False:",
        f"{_EVIL}::test_no_way_to_split_the_honest_clients_between_two_sets_takes_a_vector",
    ),
    Ablation(
        "one survivor set: more than half of honest and twice the corrupt clients confirm it",
        "protocols/params.py",
        "return (self.clients + self.corrupt) // 2 + 1",
        "return (self.clients + self.corrupt) // 2",
        f"{_EVIL}::test_with_half_the_confirmations_a_split_takes_one_clients_vector",
    ),
    Ablation(
        "model binding: the client compares",
        "protocols/policy.py",
        "params.model_digest == self.model_digest,",
        "True,",
        f"{_EVIL}::test_a_client_told_of_another_model_uploads_nothing",
    ),
    Ablation(
        "model binding: the session id holds the model",
        "protocols/params.py",
        '    "model_digest",\n    "architecture_digest",',
        '    "architecture_digest",',
        f"{_EVIL}::test_nobody_uploads_when_one_client_is_shown_another_session",
    ),
    Ablation(
        "session binding: messages name their session",
        "protocols/wire.py",
        "if reader.take(len(params.session_id)) != params.session_id:",
        "if not reader.take(len(params.session_id)):",
        f"{_SERVER}::test_a_masked_input_that_is_late_cannot_enter_the_next_sum",
    ),
    Ablation(
        "the client draws the graph: neighbors are those it computes",
        "protocols/secagg/client.py",
        "if peers.keys() != graph.neighbors(index):",
        "if False:",
        f"{_CLIENT}::test_a_stranger_that_comes_in_full_is_refused",
    ),
    Ablation(
        "the client draws the graph: its own advertisement is in it",
        "protocols/secagg/client.py",
        "if request.advertisements.get(index) != state.advertisement:",
        "if False:",
        f"{_CLIENT}::test_the_clients_own_advertisement_must_come_back_unchanged",
    ),
    Ablation(
        "graph binding: the digest holds every advertisement",
        "protocols/graph.py",
        "Domain.GRAPH.bind(session_id) + encode_table(digests)",
        "Domain.GRAPH.bind(session_id)",
        f"{_CLIENT}::test_clients_that_were_shown_different_advertisements_open_no_boxes_of_each_other",
    ),
    Ablation(
        "graph: the client judges degree and threshold",
        "protocols/policy.py",
        "self._check_graph(params)",
        "pass",
        f"{_POLICY}::test_a_small_sparse_graph_needs_more_than_half_the_degree_and_the_corrupt_clients",
    ),
    Ablation(
        "one reveal: the state is spent",
        "protocols/secagg/client.py",
        "return Unmasked(), response.encode(params)",
        "return state, response.encode(params)",
        f"{_EVIL}::test_a_client_reveals_once_even_if_the_second_request_is_honest_too",
    ),
    Ablation(
        "envelopes: the platform verifies replies",
        "fedstyle_secure/aggregation/letters.py",
        "            reply = Envelope.open(data, sender=artists[mailbox], recipient=own, purpose=purpose)\n",
        "            reply = Envelope(sender=own, recipient=own, purpose=purpose, session=session, round=round_,"
        " body=data[146:])\n",
        f"{_AGGREGATION}::test_a_coordinate_that_was_forged_on_the_way_is_not_summed",
    ),
    Ablation(
        "envelopes: artists verify requests",
        "fedstyle_secure/aggregation/letters.py",
        "        request = Envelope.open(data, sender=server_key, recipient=own, purpose=purpose)\n",
        "        request = Envelope(\n"
        "            sender=server_key, recipient=own, purpose=purpose, session=1, round=0, body=data[146:]\n"
        "        )\n",
        f"{_AGGREGATION}::test_what_the_platform_did_not_sign_reaches_no_artist_and_changes_nothing",
    ),
    Ablation(
        "envelopes: a reply is for its session and round",
        "fedstyle_secure/aggregation/letters.py",
        "if (reply.session, reply.round) == (session, round_):",
        "if True:",
        f"{_AGGREGATION}::test_what_the_artist_did_not_sign_for_this_round_is_no_reply",
    ),
    Ablation(
        "envelopes: the signature",
        "protocols/envelope.py",
        "signing.verify(sender, signature, Domain.ENVELOPE.value, envelope._statement())",
        "pass",
        "tests/protocols/test_envelope.py::test_one_altered_bit_anywhere_and_it_does_not_open",
    ),
    Ablation(
        "facts: one encoding",
        "fedstyle_secure/canonical.py",
        "    if canonical != data:\n",
        "    if False:\n",
        "tests/test_canonical.py::test_can1_every_other_encoding_is_refused",
    ),
    Ablation(
        "the channel: only the invitation's authority",
        "fedstyle_secure/wire/tls.py",
        "    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # checks the host, loads no authority\n",
        "    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)\n"
        "    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE\n",
        "tests/wire/test_tls.py::test_tls1_another_authority_or_host_opens_none",
    ),
    Ablation(
        "the store: a newer program's database stays as it is",
        "fedstyle_secure/platform/store/database.py",
        "    if current is not None and current not in known:\n",
        "    if False:\n",
        f"{_STORE}/test_database.py::test_dbs2_a_database_of_a_newer_program_is_refused_and_stays_as_it_is",
    ),
    Ablation(
        "the store: errors name no value",
        "fedstyle_secure/platform/store/database.py",
        'nothing was written, try again") from None',
        'nothing was written, try again") from error',
        f"{_STORE}/test_database.py::test_a_value_is_in_no_error",
    ),
    Ablation(
        "the store: each commit is on disk",
        "fedstyle_secure/platform/store/database.py",
        '"synchronous = FULL"',
        '"synchronous = NORMAL"',
        f"{_STORE}/test_database.py::test_sqlite_syncs_each_commit_and_keeps_no_deleted_bytes",
    ),
    Ablation(
        "acknowledged is committed",
        "fedstyle_secure/platform/store/writer.py",
        "                        job.run(connection)\n",
        "                        job.run(connection)\n                        job.finish()\n",
        f"{_STORE}/test_writer.py::test_wri1_without_a_commit_nothing_is_acknowledged",
    ),
    Ablation(
        "writes that wait are bounded",
        "fedstyle_secure/platform/store/writer.py",
        "if self._is_closing or len(self._waiting) >= _WAITING:",
        "if self._is_closing:",
        f"{_STORE}/test_writer.py::test_wri2_what_waits_is_bounded",
    ),
    Ablation(
        "exchanges: closed is closed",
        "fedstyle_secure/platform/store/exchanges.py",
        "        .where(EXCHANGES.c.id == request.exchange, EXCHANGES.c.closed_at.is_(None))\n",
        "        .where(EXCHANGES.c.id == request.exchange)\n",
        f"{_STORE}/test_exchanges.py::test_mbx2_an_exchange_is_closed_once_and_takes_nothing_more",
    ),
    Ablation(
        "exchanges: one reply",
        "fedstyle_secure/platform/store/exchanges.py",
        "return Verdict.KEPT if request.digest == digest else Verdict.OTHER",
        "return Verdict.KEPT",
        f"{_STORE}/test_exchanges.py::test_mbx3_the_same_bytes_again_change_nothing_and_other_bytes_are_refused",
    ),
    Ablation(
        "exchanges: the same requests under a name",
        "fedstyle_secure/platform/store/exchanges.py",
        "        if digest.digest() != found.digest:\n",
        "        if False:\n",
        f"{_STORE}/test_exchanges.py::test_an_exchange_is_found_as_it_was_left_and_never_with_other_requests",
    ),
    Ablation(
        "the durable engine: closed exchanges are not asked again",
        "fedstyle_secure/engines/http.py",
        "        closed_at, taken = found.closed_at, 0\n",
        "        closed_at, taken = None, 0\n",
        "tests/engines/test_http.py::test_htt2_an_exchange_that_was_closed_gives_the_same_again_and_asks_nobody",
    ),
    Ablation(
        "the durable engine: what came before the closing is read",
        "fedstyle_secure/engines/http.py",
        "                    closed_at = self._journal.close(found.id)  # what came in between is read above\n",
        "                    self._journal.close(found.id)\n                    return\n",
        "tests/engines/test_http.py::test_what_arrives_before_the_closing_is_not_lost",
    ),
    Ablation(
        "the durable engine: each write is under the lease",
        "fedstyle_secure/platform/store/journal.py",
        "            check_lease(connection, self._epoch)\n            return exchanges.close_exchange",
        "            return exchanges.close_exchange",
        f"{_STORE}/test_journal.py::test_under_an_old_lease_nothing_is_asked_and_nothing_closed",
    ),
    Ablation(
        "the lease: an older epoch writes nothing",
        "fedstyle_secure/platform/store/lease.py",
        "    if newest != epoch:\n",
        "    if False:\n",
        f"{_STORE}/test_lease.py::test_lse1_what_an_older_epoch_writes_is_not_committed",
    ),
    Ablation(
        "tokens: one identity",
        "fedstyle_secure/platform/store/artists.py",
        "    if row.identity is not None and row.identity != identity:\n",
        "    if False:\n",
        f"{_STORE}/test_artists.py::test_tok1_a_token_enrols_one_identity_once",
    ),
    Ablation(
        "tokens: revoked is revoked",
        "fedstyle_secure/platform/store/artists.py",
        "    if row.identity is None and row.revoked:\n",
        "    if False:\n",
        f"{_STORE}/test_artists.py::test_tok1_a_revoked_token_enrols_nobody",
    ),
    Ablation(
        "identities: retired is retired",
        "fedstyle_secure/platform/store/artists.py",
        ".where(IDENTITIES.c.key == key, IDENTITIES.c.retired.is_(None))",
        ".where(IDENTITIES.c.key == key)",
        f"{_STORE}/test_artists.py::test_tok2_a_new_identity_of_the_same_artist_retires_the_old_one",
    ),
    Ablation(
        "one answer: the last request gets it again",
        "protocols/secagg/client.py",
        "if last is not None and last.request == request:",
        "if False:",
        f"{_EVIL}::test_the_same_request_gets_the_same_answer_until_the_next_one_and_no_other",
    ),
    Ablation(
        "one answer: the server takes the same response again",
        "protocols/rounds.py",
        "if response not in self._accepted:",
        "if True:",
        f"{_SERVER}::test_the_same_response_again_is_taken_again_and_changes_nothing",
    ),
    Ablation(
        "one state: it is taken out",
        "protocols/held.py",
        "return self._place.pop()",
        "return self._place[-1]",
        "tests/protocols/secagg/test_threads.py::test_two_threads_never_sign_two_survivor_sets",
    ),
    Ablation(
        "late vectors: nothing is asked for before boxes are checked",
        "protocols/secagg/client.py",
        "    shares = _open_boxes(state, boxes)\n",
        "    vectors()\n    shares = _open_boxes(state, boxes)\n",
        f"{_AGGREGATION}::test_an_update_is_asked_for_when_everything_before_it_is_checked_and_once",
    ),
    Ablation(
        "spoiled boxes: both ends of a pair mask",
        "protocols/secagg/client.py",
        "        for peer in boxes\n",
        "        for peer in shares\n",
        f"{_CLIENT}::test_a_box_that_does_not_open_names_its_sender_and_removes_nobody",
    ),
    Ablation(
        "spoiled boxes: names are signed",
        "protocols/secagg/server.py",
        "verify_unopened(params, state.graph, index, response.unopened, response.signature)",
        "pass",
        f"{_SERVER}::test_a_masked_input_that_is_late_cannot_enter_the_next_sum",
    ),
    Ablation(
        "patience: keys that come late are refused",
        "protocols/secagg/client.py",
        "if now > state.deadline:",
        "if False:",
        f"{_POLICY}::test_neighbors_keys_that_come_after_the_clients_patience_are_refused",
    ),
    Ablation(
        "security bits: the client's own",
        "protocols/policy.py",
        "security_bits=self.security_bits,",
        "security_bits=40,",
        f"{_POLICY}::test_a_client_judges_a_graph_by_its_own_security_bits",
    ),
    Ablation(
        "keys: one encoding",
        "protocols/primitives/key_agreement.py",
        "if len(public) != KEY_SIZE or number >= _P:",
        "if len(public) != KEY_SIZE:",
        f"{_SERVER}::test_the_server_does_not_pass_on_keys_that_nobody_can_use",
    ),
    Ablation(
        "server: the pinned one",
        "protocols/policy.py",
        "params.server_key == self.server_key,",
        "True,",
        f"{_POLICY}::test_a_session_against_the_policy_gets_no_byte_no_key_and_hears_the_rule",
    ),
    Ablation(
        "one reveal: a refusal spends it too",
        "protocols/secagg/client.py",
        "after: tuple[ClientState, Answer | None] = Aborted(), None",
        "after: tuple[ClientState, Answer | None] = state, last",
        f"{_EVIL}::test_a_refused_request_cannot_be_followed_by_a_better_one",
    ),
    Ablation(
        "one share of each client: by the set that was signed",
        "protocols/secagg/client.py",
        "for owner, pair in state.shares.items() if owner not in survivors",
        "for owner, pair in state.shares.items()",
        f"{_EVIL}::test_no_requests_extract_both_shares_of_a_client",
    ),
    Ablation(
        "minimum cohort: invited",
        "protocols/policy.py",
        "params.clients >= self.min_cohort,",
        "True,",
        f"{_EVIL}::test_a_cohort_below_the_clients_minimum_gets_no_keys",
    ),
    Ablation(
        "minimum cohort: advertised",
        "protocols/secagg/client.py",
        "if len(digests) < params.min_survivors:",
        "if False:",
        f"{_CLIENT}::test_fewer_advertisements_than_survivors_were_promised_are_refused",
    ),
    Ablation(
        "minimum cohort: boxes of neighbors",
        "protocols/secagg/client.py",
        "if len(shares) < state.params.threshold:",
        "if False:",
        f"{_CLIENT}::test_too_few_boxes_are_refused",
    ),
    Ablation(
        "minimum cohort: survivors",
        "protocols/secagg/client.py",
        "if len(survivors) < params.min_survivors:",
        "if False:",
        f"{_EVIL}::test_nothing_is_given_for_fewer_clients_than_the_promised_survivors",
    ),
    Ablation(
        "minimum cohort: surviving neighbors",
        "protocols/secagg/client.py",
        "if len(near) < params.threshold:",
        "if False:",
        f"{_CLIENT}::test_a_client_among_too_few_surviving_neighbors_does_not_sign",
    ),
    Ablation(
        "survivors: they have advertised",
        "protocols/secagg/client.py",
        "if not survivors <= set(graph.order):",
        "if False:",
        f"{_CLIENT}::test_a_survivor_set_no_honest_server_names_is_not_signed",
    ),
    Ablation(
        "survivors: neighbors among them exchanged boxes",
        "protocols/secagg/client.py",
        "if not near <= state.shares.keys() | state.unopened:",
        "if False:",
        f"{_CLIENT}::test_a_survivor_set_no_honest_server_names_is_not_signed",
    ),
    Ablation(
        "the sum is right or there is none: first shares are checked",
        "protocols/secagg/recovery.py",
        "            if fits(secret):\n",
        "            if secret:\n",
        f"{_RECOVERY}::test_a_wrong_share_is_corrected_and_its_sender_named",
    ),
    Ablation(
        "the sum is right or there is none: a correction is checked",
        "protocols/secagg/recovery.py",
        "if not fits(secret):",
        "if False:",
        f"{_RECOVERY}::test_liars_who_agree_on_another_polynomial_steer_the_correction_and_are_found_out",
    ),
    Ablation(
        "oracle: unrelated sessions are searched apart",
        "protocols/audit/oracle.py",
        "parts(together) if least > 1",
        "[together] if least > 1",
        "tests/protocols/test_audit.py::test_unrelated_sessions_hide_no_leak",
    ),
    Ablation(
        "oracle: what was not searched does not hold",
        "protocols/audit/oracle.py",
        "if not is_searchable(part):",
        "if False:",
        "tests/protocols/test_audit.py::test_what_was_not_searched_does_not_hold",
    ),
    Ablation(
        "blame: more than may lie stand beside a liar",
        "protocols/secagg/recovery.py",
        "if len(others) > corrupt}",
        "if len(others) > 1}",
        f"{_BLAME}::test_two_lying_owners_do_not_make_an_honest_holder_a_liar",
    ),
    Ablation(
        "blame: only pairs that honest holders vouch for count",
        "protocols/secagg/recovery.py",
        "self._accuse(owner, wrong if sound else ())",
        "self._accuse(owner, wrong)",
        f"{_BLAME}::test_liars_who_keep_the_secret_and_bend_the_polynomial_turn_nobody_else_into_liars",
    ),
    Ablation(
        "blame: more liars than may lie are none",
        "protocols/secagg/recovery.py",
        "if len(named) <= corrupt else frozenset()",
        "if named else frozenset()",
        f"{_BLAME}::test_where_nobody_is_assumed_to_lie_nobody_is_named",
    ),
    Ablation(
        "blame: an owner only where holders cannot be behind it, too many wrong shares",
        "protocols/secagg/recovery.py",
        "proved=corrupt <= correctable",
        "proved=True",
        f"{_BLAME}::test_an_owner_is_not_named_where_holders_could_have_spoiled_its_secret",
    ),
    Ablation(
        "blame: an owner only where holders cannot be behind it, another secret",
        "protocols/secagg/recovery.py",
        "sound = len(holders) - len(wrong) - corrupt >= threshold",
        "sound = True",
        f"{_BLAME}::test_holders_who_agree_on_another_secret_do_not_make_its_owner_a_liar",
    ),
    Ablation(
        "clipping of an artwork's row",
        "fedstyle_secure/privacy/clipping.py",
        "max(np.linalg.norm(part), segment.clip_norm)",
        "segment.clip_norm",
        "tests/privacy/test_clipping.py::test_one_more_artwork_moves_the_sum_by_at_most_one",
    ),
    Ablation(
        "folding of views inside the artwork",
        "fedstyle_secure/artist/rows.py",
        "model.align(views[:, 1:])",
        "model.align(views[:, 1:]).reshape(-1, 1, views.shape[2])",
        "tests/training/test_objective.py::test_views_folded_into_an_artwork_keep_its_influence_within_one_clip_norm",
    ),
    Ablation(
        "cohort history: the client compares",
        "protocols/policy.py",
        "PolicyRule.EARLIER, not conflict, conflict",
        "PolicyRule.EARLIER, True, conflict",
        f"{_POLICY}::test_a_roster_that_differs_in_one_client_from_an_earlier_one_is_refused",
    ),
    Ablation(
        "cohort history: who left counts",
        "protocols/cohorts.py",
        "0 < left < least or ",
        "",
        f"{_POLICY}::test_what_is_enough_is_the_clients_own_minimum_cohort",
    ),
    Ablation(
        "cohort history: who joined counts",
        "protocols/cohorts.py",
        " or 0 < joined < least",
        "",
        f"{_POLICY}::test_a_roster_that_differs_in_one_client_from_an_earlier_one_is_refused",
    ),
    Ablation(
        "cohort history: nothing is remembered before an upload",
        "protocols/secagg/client.py",
        "if isinstance(after, InputMasked):",
        "if isinstance(after, KeysAdvertised):",
        "tests/protocols/test_policy.py::test_a_cohort_is_remembered_from_the_upload_on_and_not_for_an_announcement",
    ),
    Ablation(
        "cohort history: the artist remembers",
        "fedstyle_secure/artist/artist.py",
        "self.cohorts.add(session.roster)",
        "pass",
        "tests/artist/test_artist.py::test_an_artist_remembers_its_cohort_and_refuses_one_that_lacks_a_single_artist",
    ),
    Ablation(
        "cohort history: where cohorts are chosen",
        "fedstyle_secure/server/iterations.py",
        "check_cohort(members, register, cohort.min_cohort)",
        "pass",
        "tests/server/test_iterations.py::test_a_cohort_that_differs_in_too_few_artists_is_refused_before_anything_is_charged",
    ),
    Ablation(
        "cohort history: a platform registers its cohorts",
        "fedstyle_secure/server/iterations.py",
        "register.add(members)",
        "pass",
        "tests/server/test_iterations.py::test_a_cohort_may_stay_or_change_altogether_and_is_registered",
    ),
    Ablation(
        "resume: what artists are asked is the same when it is asked again",
        "fedstyle_secure/server/checkpoint.py",
        "given={**self.given, **given})",
        "receipts={**self.receipts, **given})",
        f"{_RESUME}::test_a_session_without_a_sum_is_tried_again_under_a_new_number_and_charged_again",
    ),
    Ablation(
        "resume: a reply is folded in before the next is asked for",
        "fedstyle_secure/aggregation/letters.py",
        "in engine.exchange(Letters(requests, seal), name=name, wait=wait):",
        "in list(engine.exchange(Letters(requests, seal), name=name, wait=wait)):",
        "tests/aggregation/test_aggregation.py::test_a_reply_is_folded_in_before_the_next_artist_is_asked",
    ),
    Ablation(
        "resume: session numbers go on from the checkpoint",
        "fedstyle_secure/server/iterations.py",
        "last_session = checkpoint.last_session + len(ended)",
        "last_session = checkpoint.step + 1",
        f"{_RESUME}::test_a_session_without_a_sum_is_tried_again_under_a_new_number_and_charged_again",
    ),
    Ablation(
        "restart limit: a session is taken part in once",
        "protocols/policy.py",
        "params.session > self.last_session,",
        "True,",
        f"{_POLICY}::test_a_session_is_not_started_again_with_other_survivors",
    ),
    Ablation(
        "architecture allow-list: the client compares",
        "protocols/policy.py",
        "params.architecture_digest in self.architectures,",
        "True,",
        f"{_POLICY}::test_a_session_against_the_policy_gets_no_byte_no_key_and_hears_the_rule",
    ),
    Ablation(
        "support rule",
        "fedstyle_secure/aggregation/session.py",
        "if support < min_cohort:",
        "if False:",
        "tests/aggregation/test_aggregation.py::test_support_rule_nothing_is_masked_that_one_artist_fills_alone",
    ),
    Ablation(
        "the ledger is charged first",
        "fedstyle_secure/artist/artist.py",
        "        self._check_cost(release)\n        self.ledger.charge(release)\n",
        "",
        "tests/artist/test_artist.py::test_a_charge_over_the_limit_means_no_answer_and_the_end_of_the_session",
    ),
    Ablation(
        "a prototype and a signature are charged first",
        "fedstyle_secure/artist/artist.py",
        "            self.ledger.charge(release)\n        embeddings",
        "            pass\n        embeddings",
        "tests/artist/test_artist.py::test_a_prototype_over_the_limit_is_refused_before_it_is_made",
    ),
    Ablation(
        "only a noisy prototype is taken out of the artworks",
        "fedstyle_secure/artist/rows.py",
        "prototype.remove_from(plain)",
        "Prototype.exact(whitened[:, 0]).remove_from(plain)",
        "tests/artist/test_artist.py::test_moments_are_made_of_what_the_noisy_prototype_leaves",
    ),
    Ablation(
        "a ledger put back from a backup is refused",
        "fedstyle_secure/artist/artist.py",
        "self._check_receipt(announcement.receipt)",
        "pass",
        "tests/artist/test_artist.py::test_a_ledger_restored_from_a_backup_is_noticed_by_the_receipt_it_does_not_know",
    ),
    Ablation(
        "cohort history: an artist remembers uploads alone",
        "fedstyle_secure/artist/artist.py",
        "        if session.stage is not Stage.INPUT_MASKED:\n            return NO_RECEIPT + response\n"
        "        self.cohorts.add(session.roster)\n",
        "        self.cohorts.add(self.enrolment.roster)\n",
        "tests/artist/test_artist.py::test_a_session_that_ended_before_the_upload_locks_an_artist_out_of_nothing",
    ),
    Ablation(
        "terms: accomplices",
        "fedstyle_secure/artist/terms.py",
        "mechanism.corrupt >= self.corrupt,",
        "True,",
        "tests/artist/test_terms.py::test_accomplices_are_counted_over_the_roster_however_small_the_cohort",
    ),
    Ablation(
        "terms: survivors",
        "fedstyle_secure/artist/terms.py",
        "mechanism.min_survivors >= self.min_survivors,",
        "True,",
        "tests/artist/test_terms.py::test_an_announcement_that_breaks_a_term_is_refused_by_name",
    ),
    Ablation(
        "terms: the bound on artworks",
        "fedstyle_secure/artist/terms.py",
        "mechanism.max_artworks >= self.max_artworks,",
        "True,",
        "tests/artist/test_terms.py::test_a_bound_tells_nothing_of_how_many_artworks_there_are",
    ),
    Ablation(
        "terms: sampling",
        "fedstyle_secure/artist/terms.py",
        "mechanism.sampling_rate == self.sampling_rate,",
        "True,",
        "tests/artist/test_terms.py::test_an_announcement_that_breaks_a_term_is_refused_by_name",
    ),
    Ablation(
        "terms: how far an iteration may jump",
        "fedstyle_secure/artist/terms.py",
        "last_iteration <= iteration <= last_iteration + self.max_jump,",
        "last_iteration <= iteration,",
        "tests/artist/test_artist.py::test_an_iteration_too_far_ahead_is_refused_and_kills_nobody",
    ),
    Ablation(
        "terms: how far a session's number may jump",
        "fedstyle_secure/artist/terms.py",
        "if number > last_session + self.max_jump:",
        "if False:",
        "tests/artist/test_artist.py::test_a_session_too_far_ahead_is_refused_and_kills_nobody",
    ),
    Ablation(
        "terms: what one session may cost",
        "fedstyle_secure/artist/terms.py",
        '("one session", self.iteration_epsilon, [release]),\n',
        "",
        "tests/artist/test_terms.py::test_a_session_that_costs_more_than_agreed_is_refused",
    ),
    Ablation(
        "terms: what sessions without a sum may cost",
        "fedstyle_secure/artist/terms.py",
        '("sessions that ended without a sum", self.unsummed_epsilon, [*unsummed, release]),\n',
        "",
        "tests/artist/test_terms.py::test_sessions_that_end_without_a_sum_are_paid_for_up_to_a_ceiling",
    ),
    Ablation(
        "terms: uploads an iteration",
        "fedstyle_secure/artist/terms.py",
        "if uploads >= self.max_uploads:",
        "if False:",
        "tests/artist/test_terms.py::test_an_iteration_is_uploaded_to_as_often_as_agreed",
    ),
    Ablation(
        "a session in flight: an announcement of the same iteration",
        "fedstyle_secure/artist/artist.py",
        "if self._is_in_flight and",
        "if False and",
        "tests/artist/test_artist.py::test_nothing_but_a_valid_newer_announcement_ends_a_session_in_flight",
    ),
    Ablation(
        "a session in flight: an invitation that is refused",
        "fedstyle_secure/artist/artist.py",
        "if stage is Stage.ABORTED and key != self._session_key:",
        "if False:",
        "tests/artist/test_kills.py::test_an_invitation_that_was_refused_leaves_what_is_kept",
    ),
    Ablation(
        "an artist's state: values are bound to their names",
        "fedstyle_secure/artist/store.py",
        "return _DOMAIN + name.encode()",
        "return _DOMAIN",
        "tests/artist/test_store.py::test_an_altered_or_exchanged_value_is_refused",
    ),
    Ablation(
        "an artist's state: one process",
        "fedstyle_secure/artist/store.py",
        "locking_mode = EXCLUSIVE",
        "locking_mode = NORMAL",
        "tests/artist/test_store.py::test_a_second_process_does_not_open_the_same_state",
    ),
    Ablation(
        "an artist's state: the session is kept before its answer leaves",
        "fedstyle_secure/artist/memory.py",
        'values: dict[str, bytes | None] = {"session": snapshot}',
        "values: dict[str, bytes | None] = {}",
        "tests/artist/test_kills.py::test_an_answer_that_was_lost_is_given_again_byte_for_byte_by_the_next_life",
    ),
    Ablation(
        "a ledger: one process at a time",
        "fedstyle_secure/durable.py",
        "fcntl.flock(descriptor, lock)",
        "pass",
        f"{_LEDGERS}::test_opening_while_another_process_writes_waits_for_its_charge",
    ),
    Ablation(
        "a ledger: a failed write takes back its own bytes alone",
        "fedstyle_secure/privacy/ledger.py",
        "if os.fstat(file).st_size == before + written:",
        "if True:",
        f"{_LEDGER}::test_a_failed_write_takes_nothing_away_that_a_stranger_to_locks_wrote",
    ),
    Ablation(
        "a ledger: lines that went away while it was open",
        "fedstyle_secure/privacy/ledger.py",
        "if not content.startswith(self._content):",
        "if False:",
        f"{_LEDGER}::test_a_ledger_put_back_while_it_is_open_is_noticed_at_the_next_charge",
    ),
    Ablation(
        "a ledger: its lines are written under its key",
        "fedstyle_secure/privacy/ledger.py",
        "mac = HMAC(self._key, SHA256())",
        "mac = HMAC(bytes(32), SHA256())",
        f"{_LEDGER}::test_a_history_written_anew_under_another_key_does_not_open",
    ),
    Ablation(
        "a ledger: a key that others can read",
        "fedstyle_secure/durable.py",
        "if path.stat().st_mode & 0o077:",
        "if False:",
        f"{_LEDGER}::test_a_key_that_others_can_read_is_refused",
    ),
    Ablation(
        "a ledger: one charge for a session",
        "fedstyle_secure/privacy/ledger.py",
        "if self._is_charged(release):",
        "if self._is_charged(release) and False:",
        f"{_LEDGER}::test_a_session_is_charged_once_in_whatever_process",
    ),
    Ablation(
        "a ledger: one release for a session",
        "fedstyle_secure/privacy/ledger.py",
        "if charged != release:",
        "if False:",
        f"{_LEDGER}::test_a_session_is_charged_once_in_whatever_process",
    ),
    Ablation(
        "a locked file is the one its path names",
        "fedstyle_secure/durable.py",
        "if _is_named(descriptor, path):",
        "if True:",
        "tests/test_durable.py::test_whoever_waited_for_a_file_that_was_replaced_holds_the_new_one",
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
        "self.smoothing**2) / self.shares)",
        "self.smoothing**2) / self.clients)",
        "tests/privacy/test_noise.py::test_the_honest_survivors_alone_reach_the_claimed_multiplier",
    ),
    Ablation(
        "joining: in the summary before the charge",
        "fedstyle_secure/runs/members.py",
        "    change.commit({SUMMARY_FILE: encode_summary(summary)})\n",
        "",
        "tests/runs/test_members.py::test_who_joins_is_charged_before_anything_is_signed",
    ),
    Ablation(
        "bodies of work: a ledger put back is noticed",
        "fedstyle_secure/runs/register.py",
        "return Ledger.open(path, limit=limit, delta=delta, view=view, known_head=body.head or None)",
        "return Ledger.open(path, limit=limit, delta=delta, view=view)",
        "tests/runs/test_register.py::test_a_ledger_that_was_lost_is_not_begun_anew",
    ),
    Ablation(
        "runs: one change at a time",
        "fedstyle_secure/runs/folder.py",
        "fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)",
        "pass",
        "tests/runs/test_folder.py::test_of_two_commands_at_once_the_second_waits_says_for_whom_and_loses_nothing",
    ),
    Ablation(
        "runs: nobody who joins or leaves at once is lost",
        "fedstyle_secure/runs/folder.py",
        "fcntl.flock(descriptor, fcntl.LOCK_EX)",
        "pass",
        "tests/runs/test_members.py::test_of_artists_who_join_and_leave_at_once_nobody_is_lost_or_brought_back",
    ),
    Ablation(
        "runs: an interrupted change is carried through",
        "fedstyle_secure/runs/folder.py",
        "if not change.exists():",
        "if True:",
        "tests/runs/test_folder.py::test_wherever_a_change_stops_the_run_is_the_old_or_the_new_one",
    ),
    Ablation(
        "runs: the manifest comes last",
        "fedstyle_secure/runs/folder.py",
        "key=lambda path: path.name == MANIFEST_FILE",
        "key=lambda path: path.name != MANIFEST_FILE",
        "tests/runs/test_folder.py::test_wherever_a_change_stops_the_run_is_the_old_or_the_new_one",
    ),
    Ablation(
        "runs: damage is noticed",
        "fedstyle_secure/runs/folder.py",
        "if not is_intact:",
        "if False:",
        "tests/runs/test_folder.py::test_one_flipped_bit_anywhere_is_noticed",
    ),
    Ablation(
        "runs: what is private can be read by its owner alone",
        "fedstyle_secure/runs/folder.py",
        "0o600 if name in PRIVATE_FILES else 0o644",
        "0o644",
        "tests/runs/test_folder.py::test_who_may_read_what",
    ),
    Ablation(
        "bodies of work: known by one artwork",
        "fedstyle_secure/runs/register.py",
        "found = {by_name.get(folded), *map(by_artwork.get, digests)} - {None}",
        "found = {by_name.get(folded)} - {None}",
        "tests/runs/test_register.py::test_a_name_or_one_picture_is_enough",
    ),
    Ablation(
        "bodies of work: known by a folded name",
        "fedstyle_secure/runs/register.py",
        "found = {by_name.get(folded), *map(by_artwork.get, digests)} - {None}",
        "found = {*map(by_artwork.get, digests)} - {None}",
        "tests/runs/test_register.py::test_a_name_or_one_picture_is_enough",
    ),
    Ablation(
        "bodies of work: what comes together is charged for all",
        "fedstyle_secure/runs/register.py",
        "for release in self._read(other, bodies[other], delta=delta).releases:",
        "for release in ():",
        "tests/runs/test_register.py::test_works_that_come_together_are_charged_for_all",
    ),
    Ablation(
        "bodies of work: a lost ledger is not begun anew",
        "fedstyle_secure/runs/register.py",
        "if body.head and not path.exists():",
        "if False:",
        "tests/runs/test_register.py::test_a_ledger_that_was_lost_is_not_begun_anew",
    ),
    Ablation(
        "bodies of work: charged by one command at a time",
        "fedstyle_secure/runs/register.py",
        "fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)",
        "pass",
        "tests/runs/test_register.py::test_a_body_of_work_is_charged_by_one_command_at_a_time",
    ),
    Ablation(
        "budgets: what was spent before is planned for",
        "fedstyle_secure/privacy/accounting.py",
        "left = budget - spent_mu**2",
        "left = budget",
        "tests/runs/test_register.py::test_a_second_run_on_the_same_art_goes_on_with_its_ledgers",
    ),
    Ablation(
        "pages: epsilon is the ledgers' own",
        "fedstyle_secure/runs/facts.py",
        '"epsilon": {view.value: finite(max(one.epsilon(view) for one in ledgers.values())) for view in View},',
        '"epsilon": privacy["epsilon"],',
        "tests/runs/test_facts.py::test_after_a_join_at_a_larger_limit_every_page_says_so",
    ),
    Ablation(
        "pages: who left is not named",
        "fedstyle_secure/runs/facts.py",
        "gone = ledgers.keys() - names",
        "gone = frozenset[str]()",
        "tests/runs/test_facts.py::test_nobody_who_left_is_named_on_any_page_nor_shown",
    ),
    Ablation(
        "publishing: nothing else of a run",
        "fedstyle_secure/runs/publish.py",
        "shutil.copyfile(run / MODEL_FILE, folder / MODEL_FILE)",
        "shutil.copytree(run, folder, dirs_exist_ok=True)",
        "tests/runs/test_facts.py::test_what_is_published_is_found_in_and_holds_nothing_else",
    ),
    Ablation(
        "joining: a refusal leaves no ledger",
        "fedstyle_secure/runs/register.py",
        "if before is None and not ledger.releases:",
        "if False:",
        "tests/runs/test_members.py::test_a_refused_artist_leaves_no_ledger",
    ),
    Ablation(
        "cards: names are escaped",
        "fedstyle_secure/runs/card.py",
        'return _ACTIVE.sub(r"\\\\\\1", shown(text))',
        "return shown(text)",
        "tests/runs/test_card.py::test_names_are_text_wherever_they_stand",
    ),
    Ablation(
        "cards: settings that all parties agreed on, and no others",
        "fedstyle_secure/runs/card.py",
        "for name, value in facts.settings.items() if name in _AGREED",
        "for name, value in facts.settings.items()",
        "tests/runs/test_card.py::test_what_was_not_released_makes_no_difference_to_what_everyone_may_see",
    ),
    Ablation(
        "growth: finished cells are not run again",
        "fedstyle_secure/experiments/growth.py",
        "if path.exists():",
        "if False:",
        "tests/experiments/test_growth.py::test_an_experiment_that_was_stopped_goes_on_where_it_was",
    ),
    Ablation(
        "growth: features of another plan are refused",
        "fedstyle_secure/experiments/studio.py",
        "_check_same(folder, content)",
        "pass",
        "tests/experiments/test_growth.py::test_features_of_another_plan_are_refused",
    ),
    Ablation(
        "content: subjects are no help in finding styles",
        "fedstyle_secure/experiments/content.py",
        "row[same_artist & ~same_content], row[~same_artist & same_content]",
        "row[same_artist], row[same_content]",
        "tests/experiments/test_content.py::test_a_search_by_style_finds_styles_and_no_subjects",
    ),
    Ablation(
        "cohort changes: newcomers train nothing",
        "fedstyle_secure/experiments/cohort_changes.py",
        "prepared = _only(everyone, staying)",
        "prepared = everyone",
        "tests/experiments/test_cohort_changes.py::test_newcomers_train_nothing_and_compete_with_all",
    ),
    Ablation(
        "buckets: noise sized for a bucket's own survivors",
        "fedstyle_secure/runs/budget.py",
        "smallest, clients = clients // settings.buckets, math.ceil(clients / settings.buckets)",
        "smallest = clients",
        "tests/runs/test_budget.py::test_the_noise_of_a_bucket_is_sized_for_its_own_honest_survivors",
    ),
    Ablation(
        "buckets: at least the minimum cohort in each",
        "fedstyle_secure/runs/budget.py",
        "if clients < settings.buckets * settings.min_cohort:",
        "if False:",
        "tests/runs/test_budget.py::test_buckets_below_the_minimum_cohort_are_refused",
    ),
    Ablation(
        "buckets: norm gate",
        "fedstyle_secure/server/robust.py",
        "if norm > NORM_GATE * usual:",
        "if False:",
        "tests/server/test_robust.py::test_a_bucket_that_is_too_long_is_left_out_and_named",
    ),
    Ablation(
        "buckets: median, not mean",
        "fedstyle_secure/server/robust.py",
        "np.median([each.tensors[name]",
        "np.mean([each.tensors[name]",
        "tests/server/test_robust.py::test_one_bucket_of_five_moves_no_coordinate_beyond_the_honest_ones",
    ),
    Ablation(
        "buckets: a majority is left",
        "fedstyle_secure/server/robust.py",
        "if 2 * len(sums) <= len(buckets):",
        "if False:",
        "tests/server/test_robust.py::test_without_a_majority_of_the_buckets_there_is_no_sum",
    ),
    Ablation(
        "a buyer's questions are counted",
        "fedstyle_secure/catalogue/metered.py",
        "if questions > left:",
        "if False:",
        "tests/catalogue/test_metered.py::test_a_question_beyond_the_limit_gets_no_answer",
    ),
    Ablation(
        "a buyer's answers are short",
        "fedstyle_secure/catalogue/metered.py",
        "if top > self.top:",
        "if False:",
        "tests/catalogue/test_metered.py::test_an_answer_with_too_many_names_is_refused_and_not_counted",
    ),
    Ablation(
        "a sum beyond all honest uploads is not used",
        "fedstyle_secure/privacy/quantization.py",
        "if total.max() > mechanism.max_abs_sum or total.min() < -mechanism.max_abs_sum:",
        "if False:",
        "tests/server/test_robust.py::test_an_upload_out_of_bounds_ends_its_session_and_not_the_run",
    ),
    Ablation(
        "weights: tensors alone are unpickled",
        "fedstyle_secure/encoder/weights.py",
        "weights_only=True",
        "weights_only=False",
        f"{_TRANSFORMERS}::test_a_file_that_would_run_code_is_refused_and_runs_nothing",
    ),
    Ablation(
        "weights: none is left at its random start",
        "fedstyle_secure/encoder/weights.py",
        "if missing:",
        "if False:",
        f"{_TRANSFORMERS}::test_a_checkpoint_that_does_not_fit_is_refused_in_one_sentence",
    ),
    Ablation(
        "features: crops are an artwork's own",
        "fedstyle_secure/encoder/features.py",
        'named_rng(0, "crops", artwork.digest.hex())',
        'globals().setdefault("_rng", named_rng(0, "crops"))',
        "tests/encoder/test_features.py::test_an_artworks_features_are_the_same_bits_whatever_else_is_there",
    ),
    Ablation(
        "features: one image at a time",
        "fedstyle_secure/encoder/network.py",
        "features = self._backbone(torch.from_numpy(image)[None].to(self._device))[0]",
        "self.__dict__.setdefault('_seen', []).append(torch.from_numpy(image))\n"
        "            features = self._backbone(torch.stack(self._seen).to(self._device))[-1]",
        "tests/encoder/test_features.py::test_an_artworks_features_are_the_same_bits_whatever_else_is_there",
    ),
    Ablation(
        "features: a cache keeps encoders apart",
        "fedstyle_secure/encoder/feature_cache.py",
        "[FEATURES_FORMAT, encoder, runtime]",
        "[FEATURES_FORMAT, runtime]",
        f"{_CACHE}::test_another_encoder_or_runtime_finds_nothing",
    ),
    Ablation(
        "features: a cache keeps devices apart",
        "fedstyle_secure/encoder/feature_cache.py",
        "[FEATURES_FORMAT, encoder, runtime]",
        "[FEATURES_FORMAT, encoder]",
        f"{_CACHE}::test_another_encoder_or_runtime_finds_nothing",
    ),
    Ablation(
        "features: a damaged entry of a cache is none",
        "fedstyle_secure/encoder/feature_cache.py",
        "if sealed != _seal(key, rest):",
        "if not rest:",
        f"{_CACHE}::test_a_damaged_or_foreign_entry_is_made_again",
    ),
    Ablation(
        "features: an entry says whose it is",
        "fedstyle_secure/encoder/feature_cache.py",
        "return sha256(key + rest).digest()",
        "return sha256(rest).digest()",
        f"{_CACHE}::test_a_damaged_or_foreign_entry_is_made_again",
    ),
    Ablation(
        "features: a cache is closed to other users",
        "fedstyle_secure/encoder/folders.py",
        "each.mkdir(mode=0o700, exist_ok=True)",
        "each.mkdir(exist_ok=True)",
        f"{_CACHE}::test_only_its_user_can_look_into_it",
    ),
    Ablation(
        "features: with a key, entries are encrypted",
        "fedstyle_secure/encoder/feature_cache.py",
        "return nonce + AESGCM(self._secret).encrypt(nonce, content, key)",
        "return content",
        f"{_CACHE}::test_fca5_a_folder_with_a_key_shows_nothing_without_it",
    ),
    Ablation(
        "features: with a key, names tell of no artwork",
        "fedstyle_secure/encoder/feature_cache.py",
        "        mac = HMAC(self._secret, SHA256())\n        mac.update(facts)\n        return mac.finalize()",
        "        return sha256(facts).digest()",
        f"{_CACHE}::test_fca5_a_folder_with_a_key_shows_nothing_without_it",
    ),
    Ablation(
        "terms file: a number is held against its bounds",
        "fedstyle_secure/artist/termsfile.py",
        'term.bounds.check(f"{place}: {name}", value)',
        "pass",
        "tests/artist/test_termsfile.py::test_trf1_what_is_wrong_is_told_with_line_value_and_remedy",
    ),
    Ablation(
        "terms file: accomplices grow with the roster",
        "fedstyle_secure/artist/termsfile.py",
        "max(self.accomplices, math.ceil(self.accomplices_share * roster))",
        "self.accomplices",
        "tests/artist/test_termsfile.py::test_trf2_accomplices_grow_with_the_roster",
    ),
    Ablation(
        "terms file: newcomers are counted",
        "fedstyle_secure/artist/termsfile.py",
        "return fresh if accepted and fresh > self.roster_growth * len(accepted) else 0",
        "return 0",
        "tests/artist/test_termsfile.py::test_trf3_too_many_newcomers_need_the_artist",
    ),
    Ablation(
        "home: nobody else looks into it",
        "fedstyle_secure/artist/home.py",
        "if folder.stat().st_mode & 0o077:",
        "if False:",
        "tests/artist/test_home.py::TestHome::test_hom1_nobody_else_looks_into_it",
    ),
    Ablation(
        "recovery: what nobody knows counts as spent",
        "fedstyle_secure/artist/recovery.py",
        "if content is None or not is_complete:",
        "if False:",
        "tests/artist/test_home.py::TestRecovery::test_rcv3_what_nobody_knows_counts_as_spent",
    ),
    Ablation(
        "recovery: a ledger that counts is not replaced",
        "fedstyle_secure/artist/recovery.py",
        "if open_ledger(path, terms).releases:",
        "if False:",
        "tests/artist/test_home.py::TestRecovery::test_rcv2_a_ledger_that_counts_something_is_not_replaced",
    ),
    Ablation(
        "portfolio: an encoder that is not on the list looks at nothing",
        "fedstyle_secure/artist/portfolio.py",
        "if name not in allowed:",
        "if False:",
        "tests/artist/test_home.py::TestPortfolio::test_por1_an_encoder_that_is_not_on_the_list_looks_at_nothing",
    ),
    Ablation(
        "artist: what was charged and lost is paid for already",
        "fedstyle_secure/artist/artist.py",
        "if release not in self.ledger.releases_since(self._memory.begin_release(name, self.ledger.head)):",
        "if True:",
        "tests/artist/test_kills.py::test_agt12_what_was_paid_for_and_lost_is_made_again_for_the_same_charge",
    ),
    Ablation(
        "artist: a signature is made once for each publication",
        "fedstyle_secure/artist/artist.py",
        "        if kept is not None:\n            return kept\n        signature =",
        "        signature =",
        "tests/artist/test_kills.py::test_agt12_what_was_paid_for_and_lost_is_made_again_for_the_same_charge",
    ),
    Ablation(
        "features: a cache removes its own entries alone",
        "fedstyle_secure/encoder/feature_cache.py",
        "if _ENTRY.fullmatch(path.name):",
        "if path.is_file():",
        f"{_CACHE}::test_nothing_but_entries_is_ever_removed",
    ),
    Ablation(
        "graphs: no weight is left over",
        "fedstyle_secure/encoder/layers.py",
        "if self._left:",
        "if not self._count:",
        "tests/encoder/test_graphs.py::test_weights_with_a_tensor_missing_added_or_of_another_shape_are_refused",
    ),
    Ablation(
        "graphs: a cached one is known by its digest",
        "fedstyle_secure/encoder/opening.py",
        "        if sha256(graph).hexdigest() == LITE0_GRAPH:\n            return graph",
        "        return graph",
        "tests/encoder/test_opening.py::test_a_cached_graph_is_the_known_one_or_is_drawn_again",
    ),
    Ablation(
        "graphs: the packaged weights are the known ones",
        "fedstyle_secure/encoder/opening.py",
        "    if sha256(graph).hexdigest() != LITE0_GRAPH:",
        "    if not graph:",
        "tests/encoder/test_opening.py::test_other_packaged_weights_are_refused",
    ),
    Ablation(
        "rows: one artwork at a time",
        "fedstyle_secure/training/updates.py",
        "rows = [compute(artwork[np.newaxis].copy()) for artwork in artworks]",
        "rows = list(compute(artworks)[:, np.newaxis])",
        "tests/artist/test_artist.py::test_no_artwork_changes_a_bit_of_another_ones_row_under_a_hostile_model",
    ),
    Ablation(
        "rows: one for each artwork",
        "fedstyle_secure/training/updates.py",
        "if any(len(row) != 1 for row in rows):",
        "if False:",
        "tests/artist/test_artist.py::test_an_artwork_is_one_row_of_a_release_not_one_for_each_view",
    ),
    Ablation(
        "noise: in mode local each upload has all of it",
        "fedstyle_secure/privacy/sizing.py",
        "return 1 if self.mode is Mode.LOCAL else self.honest",
        "return self.honest",
        "tests/privacy/test_mechanism.py::test_a_share_of_mode_local_is_sized_as_if_there_were_no_other",
    ),
    Ablation(
        "noise: from the source that was handed in, in mode local as well",
        "fedstyle_secure/privacy/noise.py",
        ".sample(mechanism.dimension, random)",
        ".sample(mechanism.dimension, np.random.Generator(np.random.PCG64(random(8)[0])).bytes)",
        "tests/privacy/test_pipeline.py::test_no_other_generator_than_the_one_handed_in_is_asked",
    ),
    Ablation(
        "noise: an artist's source is the operating system",
        "fedstyle_secure/runs/train.py",
        "random=os.urandom,",
        "random=np.random.Generator(np.random.PCG64(settings.seed)).bytes,",
        "tests/runs/test_train.py::test_no_seed_touches_privacy_noise",
    ),
    Ablation(
        "splits: an artwork's side is its own",
        "fedstyle_secure/artworks/splits.py",
        "lambda digest: place(digest, seed,",
        "lambda digest: place(digest, seed + len(portfolio.artworks),",
        "tests/artworks/test_splits.py::test_one_artwork_less_moves_no_other_to_the_other_side",
    ),
    Ablation(
        "splits: a subject's side is its own",
        "fedstyle_secure/artworks/splits.py",
        'named_rng(seed, "split by content", content)',
        'named_rng(seed + len(contents), "split by content", content)',
        "tests/artworks/test_splits.py::test_a_new_subject_of_one_artist_moves_no_artwork_of_another",
    ),
    Ablation(
        "bounds: an artwork's place is its own",
        "fedstyle_secure/runs/dataset.py",
        '"bound", portfolio.artist, artwork.digest.hex())',
        '"bound", portfolio.artist, artwork.digest.hex(), str(len(artworks)))',
        "tests/runs/test_dataset.py::test_one_artwork_less_in_a_folder_changes_one_training_artwork_at_most",
    ),
    Ablation(
        "prototype: trusted as far as its noise lets it be seen",
        "fedstyle_secure/artist/artist.py",
        "kept_fraction(noisy, noise))",
        "len(self.features) / (len(self.features) + 5))",
        "tests/privacy/test_from_pixels.py::test_one_picture_moves_every_sum_by_one_and_no_more",
    ),
    Ablation(
        "whitening: the first one stays",
        "fedstyle_secure/artist/artist.py",
        "if self.whitening is not None and model.whitening.digest != self.whitening.digest:",
        "if False:",
        "tests/artist/test_artist.py::test_another_whitening_than_the_first_is_refused_before_anything_is_charged",
    ),
    Ablation(
        "whitening: a prototype is made in no other",
        "fedstyle_secure/artist/artist.py",
        "self._check_whitening(model)",
        "pass",
        "tests/artist/test_artist.py::test_a_style_space_pinned_at_enrolment_is_the_only_one_from_the_first_iteration_on",
    ),
    Ablation(
        "whitening: pinned at enrolment",
        "fedstyle_secure/runs/train.py",
        "whitening=start.whitening,",
        "",
        "tests/experiments/test_experiment.py::test_artists_are_enrolled_with_the_style_space_of_the_start",
    ),
    Ablation(
        "whitening: one that is left out is known by its digest",
        "fedstyle_secure/encoder/model.py",
        "elif whitening is None or whitening.digest.hex() != left_out:",
        "elif whitening is None:",
        "tests/encoder/test_model.py::test_a_model_without_its_whitening_is_refused_with_none_or_another",
    ),
    Ablation(
        "speaking once: the cross-check",
        "protocols/speakonce/client.py",
        "_check_signatures(params, counted, request.signatures)",
        "pass",
        f"{_WINDOW_ATTACKS}::test_two_survivor_sets_get_no_share_and_without_the_cross_check_they_take_a_vector",
    ),
    Ablation(
        "speaking once: windows of the ring",
        "protocols/speakonce/client.py",
        "if params.thinnest_window(frozenset(counted)) < params.floor:",
        "if False:",
        f"{_WINDOW_ATTACKS}::test_no_set_isolates_a_client_and_without_the_floor_one_does",
    ),
    Ablation(
        "speaking once: survivors as promised",
        "protocols/speakonce/client.py",
        "if len(counted) < params.min_survivors:",
        "if False:",
        f"{_WINDOW_CLIENT}::test_a_survivor_set_that_no_honest_server_names_is_not_signed",
    ),
    Ablation(
        "speaking once: messages counted are those known",
        "protocols/speakonce/client.py",
        "if any(state.digests.get(sender, digest) != digest for sender, digest in counted.items()):",
        "if False:",
        f"{_WINDOW_CLIENT}::test_a_survivor_set_that_no_honest_server_names_is_not_signed",
    ),
    Ablation(
        "speaking once: whose shares are released",
        "protocols/speakonce/params.py",
        "if peer not in survivors]",
        "]",
        f"{_WINDOW_ATTACKS}::test_an_honest_window_leaks_the_sum_and_nothing_else",
    ),
    Ablation(
        "speaking once: fresh coefficients for both ends",
        "protocols/speakonce/dealing.py",
        "Keystream(sharing_seed, Domain.SHARING.bind(params.session_id, place))",
        "Keystream(secret, Domain.SHARING.bind(params.session_id))",
        f"{_WINDOW_CLIENT}::test_shares_of_both_ends_of_a_pair_never_add_up",
    ),
    Ablation(
        "speaking once: fresh coefficients for each secret",
        "protocols/speakonce/dealing.py",
        "Domain.SHARING.bind(params.session_id, place)",
        "Domain.SHARING.bind(params.session_id)",
        f"{_WINDOW_CLIENT}::test_shares_of_both_ends_of_a_pair_never_add_up",
    ),
    Ablation(
        "speaking once: the beacon is read, not received",
        "protocols/speakonce/policy.py",
        "params.beacon == self.beacon,",
        "True,",
        f"{_WINDOW_CLIENT}::test_a_window_that_breaks_a_line_of_the_policy_is_refused",
    ),
    Ablation(
        "command line: a signal that a library loses is raised again",
        "fedstyle_secure/cli/main.py",
        "signal.setitimer(signal.ITIMER_REAL, _AGAIN, _AGAIN)",
        "pass",
        "tests/cli/test_endings.py::"
        "test_end1_a_signal_is_heard_though_a_library_loses_it_and_taking_back_is_not_cut_short",
    ),
    Ablation(
        "command line: taking back is not cut short",
        "fedstyle_secure/cli/main.py",
        "if not _is_unwinding(error):",
        "if True:",
        "tests/cli/test_endings.py::"
        "test_end1_a_signal_is_heard_though_a_library_loses_it_and_taking_back_is_not_cut_short",
    ),
    Ablation(
        "speaking once: the roster is frozen before the beacon",
        "protocols/speakonce/policy.py",
        "params.frozen_digest == self.frozen_digest,",
        "True,",
        f"{_WINDOW_CLIENT}::test_a_window_that_breaks_a_line_of_the_policy_is_refused",
    ),
    Ablation(
        "speaking once: the window's end",
        "protocols/speakonce/policy.py",
        "params.end <= self.latest_end,",
        "True,",
        f"{_WINDOW_CLIENT}::test_a_window_that_breaks_a_line_of_the_policy_is_refused",
    ),
    Ablation(
        "speaking once: what is chosen late draws nobody",
        "protocols/speakonce/params.py",
        "Domain.SEED.bind(frozen)",
        "Domain.SEED.bind(session_id)",
        f"{_WINDOW_CLIENT}::test_two_windows_of_one_roster_draw_the_same_ring_and_committee",
    ),
    Ablation(
        "speaking once: prekeys are who they should be",
        "protocols/speakonce/client.py",
        "for peer in sorted({*params.neighbors(index), *params.committee} - {index}):",
        "for peer in ():",
        f"{_WINDOW_CLIENT}::test_prekeys_that_are_not_what_they_should_be_are_refused",
    ),
    Ablation(
        "speaking once: own prekeys unchanged",
        "protocols/speakonce/client.py",
        "if params.session != session or params.prekeys[index] != state.prekeys:",
        "if False:",
        f"{_WINDOW_CLIENT}::test_prekeys_that_are_not_what_they_should_be_are_refused",
    ),
    Ablation(
        "speaking once: a box holds what its message fixes",
        "protocols/speakonce/dealing.py",
        "if tree_over(content).root != delivery.root:",
        "if False:",
        f"{_WINDOW_RECOVERY}::test_a_box_with_other_shares_than_its_message_fixes_is_reported",
    ),
    Ablation(
        "speaking once: liars are proved",
        "protocols/speakonce/recovery.py",
        "self._convict(owner, releases)",
        "pass",
        f"{_WINDOW_RECOVERY}::test_a_wrong_share_blames_its_member_and_the_sum_is_right",
    ),
    Ablation(
        "speaking once: keys die with the window",
        "protocols/speakonce/client.py",
        "self._held.put((Finished(), answer))",
        "self._held.put((_, answer))",
        f"{_WINDOW_CLIENT}::test_keys_are_forgotten_when_the_window_is_over",
    ),
    Ablation(
        "speaking once: kept before it is sent",
        "protocols/speakonce/client.py",
        "        self._keep(after, answer)\n",
        "",
        "tests/protocols/speakonce/test_snapshot.py::test_what_is_not_kept_is_not_released",
    ),
    Ablation(
        "log: no tree grew out of a larger one",
        "protocols/primitives/merkle.py",
        "    if not 1 <= count <= size:\n",
        "    if False:\n",
        f"{_LOG}/test_tree.py::test_tre2_a_log_does_not_shrink",
    ),
    Ablation(
        "log: what a tree grew out of leads to its own root too",
        "protocols/primitives/merkle.py",
        "(before, after) != (root, new_root)",
        "after != new_root",
        "tests/protocols/primitives/test_merkle.py::test_mrk3_growth_is_proved_as_the_rfc_says_and_nothing_else_is_taken",
    ),
    Ablation(
        "log: a place lies in the log",
        "fedstyle_secure/transparency/tree.py",
        "if not 0 <= place < size:",
        "if False:",
        f"{_LOG}/test_tree.py::test_tre2_a_place_outside_of_the_log_is_refused",
    ),
    Ablation(
        "log: a checkpoint is signed",
        "fedstyle_secure/transparency/checkpoints.py",
        '            signing.verify(key, marked[_KEY_ID_BYTES:], b"", parts["text"].encode())\n',
        "",
        f"{_LOG}/test_checkpoints.py::test_chk1_no_bit_of_it_may_differ",
    ),
    Ablation(
        "log: a checkpoint has one form",
        "fedstyle_secure/transparency/checkpoints.py",
        'if b64encode(root).decode() != parts["root"] or b64encode(marked).decode() != parts["signature"]:',
        "if False:",
        f"{_LOG}/test_checkpoints.py::test_chk1_the_same_bytes_in_another_base64_are_refused",
    ),
    Ablation(
        "log: a checkpoint is of the pinned log",
        "fedstyle_secure/transparency/checkpoints.py",
        'if {parts["origin"], parts["name"]} != {origin}:',
        "if False:",
        f"{_LOG}/test_checkpoints.py::test_chk1_another_key_another_origin_and_another_log_are_refused",
    ),
    Ablation(
        "log: a later checkpoint grew out of the one seen before",
        "fedstyle_secure/transparency/watch.py",
        "                verify_growth((seen.size, seen.root), (shown.size, shown.root), consistency)\n",
        "                pass\n",
        f"{_LOG}/test_watch.py::test_wat2_what_did_not_grow_out_of_what_was_seen_is_refused_and_kept_as_evidence",
    ),
    Ablation(
        "log: an entry is believed where it stands",
        "fedstyle_secure/transparency/watch.py",
        "        verify_entry(entry.encode(), place.leaf, place.proof, size=newest.size, root=newest.root)\n",
        "",
        f"{_LOG}/test_watch.py::test_wat3_only_what_stands_in_a_checkpoint_that_was_taken_is_believed",
    ),
    Ablation(
        "log: a whole log leads to its root",
        "fedstyle_secure/transparency/watch.py",
        "if len(data) != newest.size or Tree(data).root() != newest.root:",
        "if len(data) != newest.size:",
        f"{_LOG}/test_watch.py::test_wat3_a_whole_log_is_read_only_as_what_leads_to_its_root",
    ),
    Ablation(
        "log: a signature is published and withdrawn once",
        "fedstyle_secure/transparency/leaves.py",
        "            case Published() | Withdrawn():\n",
        "            case Epoch():\n",
        f"{_LOG}/test_leaves.py::test_lea3_a_log_that_contradicts_itself_is_refused",
    ),
    Ablation(
        "log: commitments are salted",
        "fedstyle_secure/transparency/leaves.py",
        "sha256(_IDENTITY_DOMAIN + salt + identity)",
        "sha256(_IDENTITY_DOMAIN + identity)",
        f"{_LOG}/test_leaves.py::test_lea2_without_its_salt_a_commitment_says_nothing_of_who_it_is",
    ),
    Ablation(
        "sessions: an artist checks the training",
        "fedstyle_secure/aggregation/masking.py",
        "        training_digest=subject.agreed.training_digest,\n",
        "",
        "tests/artist/test_agreed.py::test_agt11_a_session_of_another_training_or_log_is_refused_and_costs_nothing",
    ),
    Ablation(
        "sessions: an artist checks the log's checkpoint",
        "fedstyle_secure/aggregation/masking.py",
        "        checkpoint_digest=subject.agreed.checkpoint_digest,\n",
        "",
        "tests/artist/test_agreed.py::test_agt11_a_session_of_another_training_or_log_is_refused_and_costs_nothing",
    ),
    Ablation(
        "sessions: what they stand on is the artist's own",
        "fedstyle_secure/artist/artist.py",
        "                agreed=self.agreed,\n",
        "                agreed=Agreed(training_digest=bytes(32), checkpoint_digest=bytes(32)),\n",
        "tests/artist/test_agreed.py::test_agt11_a_session_of_another_training_or_log_is_refused_and_costs_nothing",
    ),
    Ablation(
        "sessions: the log's checkpoint is in the session id",
        "protocols/params.py",
        "sha256(Domain.SESSION.value + self._encode_fields() + self.roster_root)",
        "sha256(Domain.SESSION.value + self._encode_fields().replace(self.checkpoint_digest, b'') + self.roster_root)",
        "tests/artist/test_agreed.py::test_agg8_artists_who_were_shown_two_logs_share_no_session",
    ),
    Ablation(
        "offer: the roster stands in the log",
        "fedstyle_secure/wire/messages.py",
        "        taken.check(roster, self.roster_place)\n",
        "",
        "tests/wire/test_entering.py::test_off1_what_the_log_does_not_say_is_not_entered_into",
    ),
    Ablation(
        "offer: the training stands in the log",
        "fedstyle_secure/wire/messages.py",
        "        taken.check(Training(digest=facts.digest, generation=facts.generation), self.training_place)\n",
        "",
        "tests/wire/test_entering.py::test_off1_what_the_log_does_not_say_is_not_entered_into",
    ),
    Ablation(
        "signer: a log that did not grow is not signed",
        "fedstyle_secure/platform/signer.py",
        "                verify_growth((said.size, said.root), (size, root), proof)\n",
        "                pass\n",
        "tests/platform/test_signer.py::test_sgn1_a_log_that_did_not_grow_out_of_what_was_signed_is_not_signed",
    ),
    Ablation(
        "signer: what the log said is remembered first",
        "fedstyle_secure/platform/signer.py",
        "                write(self._folder / STATE_FILE, replace(said, size=size, root=root).encode())\n",
        "                pass\n",
        "tests/platform/test_signer.py::test_sgn1_what_cannot_be_remembered_is_not_signed",
    ),
    Ablation(
        "catalogue: the manifest is the platform's",
        "fedstyle_secure/wire/catalogue.py",
        "Ed25519PublicKey.from_public_bytes(platform_key).verify(",
        "(lambda *_: None)(",
        "tests/wire/test_catalogue.py::test_cat1_a_manifest_is_the_platforms_own",
    ),
    Ablation(
        "catalogue: what was withdrawn is not shown",
        "fedstyle_secure/wire/catalogue.py",
        "(Counter(found) - Counter(standing), ",
        "(Counter(), ",
        "tests/wire/test_catalogue.py::test_cat2_a_catalogue_that_differs_from_the_log_is_refused",
    ),
    Ablation(
        "catalogue: what is published is not hidden",
        "fedstyle_secure/wire/catalogue.py",
        "(Counter(standing) - Counter(found), ",
        "(Counter(), ",
        "tests/wire/test_catalogue.py::test_cat2_a_catalogue_that_differs_from_the_log_is_refused",
    ),
    Ablation(
        "catalogue: a model that the log knows",
        "fedstyle_secure/wire/catalogue.py",
        "if (each.training, each.model, each.space) not in models:",
        "if False:",
        "tests/wire/test_catalogue.py::test_cat2_a_model_that_the_log_does_not_know_is_refused",
    ),
)


def copy(scratch: Path) -> None:
    """The source with its compiled files, which stay valid: a copy that compiles nothing starts in half the time."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, scratch / package)
    shutil.copy(ROOT / "pyproject.toml", scratch)


def run(ablation: Ablation, scratch: Path) -> str:
    """Empty if the named test is red in a copy without the defense; else what is wrong."""
    copy(scratch)
    path = scratch / ablation.file
    source = path.read_text(encoding="utf-8")
    if source.count(ablation.defense) != 1:
        return f"{ablation.name}: {ablation.file} holds {source.count(ablation.defense)} times: {ablation.defense}"
    path.write_text(source.replace(ablation.defense, ablation.without), encoding="utf-8")
    for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*"):
        compiled.unlink()  # its time and size might be the edited file's
    outcome = run_pytest(scratch, [ablation.test])
    return "" if outcome == 1 else f"{ablation.name}: {ablation.test} ends with {outcome} although the defense is gone"


def run_pytest(scratch: Path, tests: Sequence[str]) -> int:
    """Pytest's exit code, run inside the copy: 0 if all are green, 1 if a test failed."""
    process = _NURSERY.Process(target=_run_pytest, args=(str(scratch), tests))
    process.start()
    process.join()
    return cast("int", process.exitcode)


def _run_pytest(scratch: str, tests: Sequence[str]) -> None:
    """In a fresh process that has loaded libraries, and of ours nothing but this module."""
    for name in [name for name in sys.modules if name.partition(".")[0] in PACKAGES]:
        del sys.modules[name]
    os.chdir(scratch)
    sys.path.insert(0, scratch)
    os.environ |= {"PYTHONPATH": scratch, "PYTHONDONTWRITEBYTECODE": "1"}
    sys.dont_write_bytecode = True
    with Path("pytest.log").open("w", encoding="utf-8") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        try:
            outcome = pytest.main(["-x", "--assert=plain", "-p", "no:cacheprovider", "-p", "no:randomly", *tests])
        except Exception:
            traceback.print_exc()
            outcome = pytest.ExitCode.INTERNAL_ERROR  # and not 1, which an exception would end with: red
    sys.exit(outcome)
