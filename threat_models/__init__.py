"""Adversaries as programs: each states a claim, then attacks it."""
