"""Grids and studies over runs, beside rivals and against the claims."""
