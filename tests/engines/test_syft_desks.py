"""Researchers' jobs over syft: a request to one artist and its answer, and nothing that was sent is run."""

import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

pytest.importorskip("syft", reason="needs the optional extra: pip install '.[syft]'")
pytest.importorskip("syft_rds", reason="needs the optional extra: pip install '.[syft]'")

from fedstyle_secure.engines.syft.boxes import ArtistBox, VisitorBox
from fedstyle_secure.engines.syft.cards import name_of
from fedstyle_secure.engines.syft.desks import ArtistDesk, DeskError, ResearcherDesk


def public(key):
    return key.public_key().public_bytes_raw()


class Institute:
    """A researcher and an artist who enrolled each other."""

    def __init__(self, folder):
        self.folder = folder
        self.ann, self.ray = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
        self.artist = self.open_artist(self.ray)
        self.researcher = self.open_researcher(self.ray)

    def open_artist(self, researcher):
        own = self.folder / "ann" / public(researcher).hex()
        return ArtistDesk(ArtistBox(self.folder / "shared", own, self.ann, public(researcher)), public(researcher))

    def open_researcher(self, key):
        own = self.folder / public(key).hex()
        return ResearcherDesk(VisitorBox(self.folder / "shared", own, key, [public(self.ann)]))

    def answers(self, researcher=None):
        found = (researcher or self.researcher).answers(public(self.ann))
        return {name: (status, content) for name, status, content in found}


@pytest.fixture
def institute(tmp_path):
    return Institute(tmp_path)


def test_a_request_goes_there_and_an_answer_comes_back(institute):
    institute.researcher.ask(public(institute.ann), "count 1", b'{"epsilon":1.0}')
    institute.researcher.ask(public(institute.ann), "count 2", b'{"epsilon":2.0}')
    assert institute.artist.requests() == {"count 1": b'{"epsilon":1.0}', "count 2": b'{"epsilon":2.0}'}
    institute.artist.answer("count 1", b"[7.0]")
    institute.artist.refuse("count 2")
    assert institute.artist.requests() == {}
    assert institute.answers() == {"count 1": ("done", b"[7.0]"), "count 2": ("rejected", b"")}
    assert institute.answers(institute.open_researcher(institute.ray)) == institute.answers()
    with pytest.raises(DeskError, match="count 1 was asked for already"):
        institute.researcher.ask(public(institute.ann), "count 1", b"{}")
    with pytest.raises(DeskError, match="nobody asked for count 3"):
        institute.artist.answer("count 3", b"[]")


def test_syf10_a_script_is_a_request_that_nobody_runs(institute):
    proof = institute.folder / "it ran"
    institute.researcher.ask(public(institute.ann), "evil", f"#!/bin/sh\ntouch '{proof}'\n".encode())
    assert institute.artist._client.job_runner is None
    assert list(institute.artist.requests()) == ["evil"]
    institute.artist.answer("evil", b"[]")
    assert not proof.exists()


def test_syf11_nobody_asks_or_reads_in_anothers_name(institute):
    stranger = Ed25519PrivateKey.generate()
    mine, other = institute.open_artist(stranger), institute.open_researcher(stranger)
    other.ask(public(institute.ann), "count 1", b"{}")
    assert institute.artist.requests() == {}
    institute.researcher.ask(public(institute.ann), "count 1", b"{}")
    institute.artist.requests()
    institute.artist.answer("count 1", b"[7.0]")
    assert list(mine.requests()) == ["count 1"]
    assert institute.answers(other) == {"count 1": ("received", b"")}


def test_syf11_what_lies_under_anothers_name_is_no_request(institute):
    """syft says who submitted a job by the folder that it lies in, whoever wrote it there."""
    institute.researcher.ask(public(institute.ann), "count 1", b"{}")
    assert list(institute.artist.requests()) == ["count 1"]
    (job,) = institute.artist._client.job_client.jobs
    ray, stranger = (name_of(public(key)) for key in (institute.ray, Ed25519PrivateKey.generate()))
    place = Path(str(job.job_submission_path).replace(ray, stranger))
    shutil.copytree(job.job_submission_path, place.with_name("count 2"))
    assert len(institute.artist._client.job_client.jobs) == 2
    assert list(institute.artist.requests()) == ["count 1"]


def test_an_artist_whose_card_has_not_come_is_not_asked(tmp_path):
    ann, ray = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    desk = ResearcherDesk(VisitorBox(tmp_path / "shared", tmp_path / "ray", ray, [public(ann)]))
    with pytest.raises(DeskError, match="has not come, or cannot be read"):
        desk.ask(public(ann), "count 1", b"{}")
