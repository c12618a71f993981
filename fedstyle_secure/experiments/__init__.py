"""Whole runs: data in, report out."""
