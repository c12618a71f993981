"""Adversaries of windows in which clients speak once (`protocols.speakonce`), over real clients."""

from typing import Final

ONCE: Final = "speaking once: "
"""How figures and defenses of windows are told from those of five rounds."""
