"""What an adversary that runs the server can compute from what it saw: transcripts, and the oracle that reads them."""

from .oracle import Findings, SessionFindings, audit
from .transcript import Exchange, OmittedInput, Transcript, omit_input

__all__ = [
    "Exchange",
    "Findings",
    "OmittedInput",
    "SessionFindings",
    "Transcript",
    "audit",
    "omit_input",
]
