"""The report of a run, written into its folder: one self-contained page."""

from collections.abc import Callable
from pathlib import Path

from ..report import make_page
from .facts import gather
from .files import REPORT_FILE
from .folder import changing, opened


def write_report(run: Path, *, artworks: Path | None = None, tell: Callable[[str], None]) -> Path:
    """Write ``report.html`` anew, of the run as it is; an older one is replaced at once or not at all.

    Args:
        run: Folder of a run.
        artworks: Folder ``<artist>/<artwork>``; when given, the examples show thumbnails from it.
        tell: Is told whom this waits for.

    Returns:
        The path of the page.

    Raises:
        InputError: The run or the artworks cannot be read, or the page cannot be written.
        LedgerError: A ledger is missing, was altered or rolled back.
    """
    with changing(run, "fedstyle report", tell) as change:
        with opened(run):
            facts, index = gather(run)
        change.commit({REPORT_FILE: make_page(facts, index, artworks=artworks).encode()})
    return run / REPORT_FILE
