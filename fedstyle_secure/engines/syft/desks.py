"""Researchers' jobs through syft-rds: a request goes to an artist, and an answer comes back, and no code goes anywhere.

syft submits scripts, which an owner may approve of and run. Here a "script" holds a request, a few bytes that neither
side runs: what answers it is the owner's own, and goes back as a result that the owner deposits.

SYF-10  Nothing that was submitted is run: syft's runner is not even made, and a job ends by a deposited answer or by a
        refusal.
SYF-11  A job counts as asked by the one researcher whom the box is for (SYF-7).
"""

import io
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from syft_datasets.config import SyftBoxConfig
from syft_datasets.dataset_manager import SyftDatasetManager
from syft_job import JobClient, JobInfo, SyftJobConfig
from syft_rds import SyftRDSClient

from ...errors import FedStyleError
from .boxes import ArtistBox, Box, VisitorBox
from .cards import name_of

ANSWER_FILE: Final = "answer.json"
_SCRIPT: Final = "run.sh"
_LARGEST: Final = 1 << 16
"""Bytes of a request or an answer."""


class DeskError(FedStyleError):
    """A job cannot be asked for or answered."""


class ResearcherDesk:
    """Where a researcher asks artists.

    Args:
        box: The researcher's.
    """

    def __init__(self, box: VisitorBox) -> None:
        self._box, self._client = box, _client(box)

    def ask(self, artist: bytes, name: str, request: bytes) -> None:
        """Ask an artist for something, under a name that is used once.

        Raises:
            DeskError: The artist's card is missing or is not what its enrolled key signed, or the name was used.
        """
        if not self._box.knows(artist):
            raise DeskError(self._box.problems.get(name_of(artist), "the artist's card has not come yet"))
        try:
            with redirect_stdout(io.StringIO()):
                self._client.submit_bash_job(name_of(artist), request.decode(), job_name=name)
        except FileExistsError as error:
            raise DeskError(f"{name} was asked for already: give the request another number") from error

    def answers(self, artist: bytes) -> Iterator[tuple[str, str, bytes]]:
        """What became of all that was asked of an artist: name, status, and the answer, b"" where there is none."""
        for _ in self._box.pull(artist):
            pass
        for job in self._client.job_client.jobs:
            if job.datasite_owner_email == name_of(artist):
                yield job.name, job.status, _read(job.job_review_path / "outputs" / ANSWER_FILE)


class ArtistDesk:
    """Where an artist finds what one researcher asks, and leaves answers.

    Args:
        box: The artist's, for this researcher alone.
        researcher: Enrolled key, 32 bytes.
    """

    def __init__(self, box: ArtistBox, researcher: bytes) -> None:
        self._box, self._client = box, _client(box)
        self._researcher = name_of(researcher)
        with redirect_stdout(io.StringIO()):
            self._client.job_client.setup_ds_job_folder_as_do(self._researcher)

    def requests(self) -> dict[str, bytes]:
        """What was asked and is neither answered nor refused, by name."""
        self._box.sync()
        return {
            job.name: _read(job.job_submission_path / _SCRIPT)
            for job in self._client.job_client.jobs
            if job.submitted_by == self._researcher and job.status == "pending"  # SYF-11
        }

    def answer(self, name: str, content: bytes) -> None:
        """Leave an answer, which goes out at once (SYF-10)."""
        with TemporaryDirectory() as scratch, redirect_stdout(io.StringIO()):
            (Path(scratch) / ANSWER_FILE).write_bytes(content)
            self._find(name).accept_by_depositing_result(str(Path(scratch) / ANSWER_FILE))
        self._box.sync()

    def refuse(self, name: str) -> None:
        """Say no, without a reason: that would tell something too."""
        with redirect_stdout(io.StringIO()):
            self._find(name).reject()
        self._box.sync()

    def _find(self, name: str) -> JobInfo:
        for job in self._client.job_client.jobs:
            if job.name == name and job.submitted_by == self._researcher:
                return job
        raise DeskError(f"nobody asked for {name}")


def _client(box: Box) -> SyftRDSClient:
    """syft-rds upon a box, without its runner (SYF-10)."""
    folder, name = box.manager.syftbox_folder, box.name
    (folder / name).mkdir(parents=True, exist_ok=True)
    job = SyftJobConfig(syftbox_folder=folder, current_user_email=name, has_do_role=box.manager.has_do_role)
    return SyftRDSClient(
        sync_engine=box.manager,
        job_client=JobClient.from_config(job),
        job_runner=None,
        dataset_manager=SyftDatasetManager.from_config(SyftBoxConfig(syftbox_folder=folder, email=name)),
    )


def _read(path: Path) -> bytes:
    """At most as much as a request or an answer may have, and one byte more."""
    if not path.is_file() or path.is_symlink():
        return b""
    with path.open("rb") as file:
        return file.read(_LARGEST + 1)
