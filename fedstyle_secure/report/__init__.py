"""The report of a run: one self-contained HTML page that asks nothing of the network and runs no script."""

from .page import make_page

__all__ = ["make_page"]
