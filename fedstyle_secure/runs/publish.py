"""What a buyer needs of a run, in a folder of its own: model, encoder where it is the run's own, and catalogue.

PBL-1  Nothing else of a run is in it: no summary, no page, no ledger, nothing that only the experimenter may see.
"""

import shutil
from pathlib import Path

from ..errors import InputError
from .files import CATALOGUE_FOLDER, ENCODER_FILE, MODEL_FILE
from .folder import opened, seal, whole_or_nothing


def publish(run: Path, out: Path) -> list[str]:
    """Copy the public part of a run, with a manifest of its own.

    Args:
        run: Folder of a run whose artists signed.
        out: Folder to write to, which must not exist.

    Returns:
        The names of the files.

    Raises:
        InputError: Not such a run, damaged, or the folder exists.
        FedStyleError: The folder cannot be written.
    """
    with whole_or_nothing(out) as folder:
        with opened(run):
            if not (run / CATALOGUE_FOLDER).exists():
                raise InputError(f"{run} has no catalogue to publish: its artists published no signatures")
            shutil.copyfile(run / MODEL_FILE, folder / MODEL_FILE)
            if (run / ENCODER_FILE).exists():
                shutil.copyfile(run / ENCODER_FILE, folder / ENCODER_FILE)
            shutil.copytree(run / CATALOGUE_FOLDER, folder / CATALOGUE_FOLDER)
        seal(folder)
    return sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
