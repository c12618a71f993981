"""What sessions gave away, computed from what was written down of them."""

from collections.abc import Collection, Sequence
from typing import Any

from protocols import ProtocolError
from protocols.audit import Transcript, audit

from ..errors import InputError


def audit_transcripts(
    transcripts: Sequence[tuple[str, bytes]], *, corrupt: Collection[int] = (), same_inputs: bool = False
) -> dict[str, Any]:
    """Compute exactly what leaked in sessions that were written down.

    Args:
        transcripts: Names and contents of transcript files.
        corrupt: Artists that work with the server, by position in the first session's roster.
        same_inputs: Whether artists brought the same updates to all sessions (`protocols.audit.audit`).

    Returns:
        The findings in plain values: whether the promise `holds`, `problems` as sentences, the `leaks` of all sessions
        together, and each of the `sessions`. A leak maps an artist's index (in the leaks of several sessions together,
        the number that `protocols.audit.Findings` gives it) to the coefficient of its update.

    Raises:
        InputError: A file is no transcript, or `corrupt` names nobody.
    """
    sessions = []
    for name, data in transcripts:
        try:
            sessions.append(Transcript.decode(data))
        except ProtocolError as error:
            raise InputError(f"{name} is no transcript: {error}") from error
    try:
        findings = audit(sessions, corrupt=corrupt, same_inputs=same_inputs)
    except ProtocolError as error:
        raise InputError(f"these transcripts cannot be audited: {error}") from error
    return {
        "holds": findings.holds,
        "problems": list(findings.problems),
        "leaks": list(findings.leaks),
        "sessions": [
            {
                "file": name,
                "iteration": session.iteration,
                "artists": session.clients,
                "survivors": sorted(session.survivors),
                "corrupt": sorted(session.corrupt),
                "leaks": list(session.leaks),
                "in_words": session.in_words,
            }
            for (name, _), session in zip(transcripts, findings.sessions, strict=True)
        ],
    }
