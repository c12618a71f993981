"""Measured, never asserted on time: each benchmark prints a ratio to a limit taken in the same run."""
