"""NPM-1: an archive is what its digest says, or nothing of it is used."""

import io
import tarfile
from base64 import b64encode
from hashlib import sha512

import pytest

from fedstyle_secure.errors import InputError
from fedstyle_secure.web import registry
from fedstyle_secure.web.registry import Package, read_package


def archive(**files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as packed:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size = len(content)
            packed.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture
def package(monkeypatch):
    """A package whose archive the registry has."""
    data = archive(one=b"1", two=b"2")
    asked = []

    def urlopen(url, timeout):
        assert timeout
        asked.append(url)
        return io.BytesIO(data)

    monkeypatch.setattr(registry, "urlopen", urlopen)
    return Package("thing", "1.2.3", b64encode(sha512(data).digest()).decode()), asked


def test_files_come_out_of_an_archive_that_is_fetched_once(package, tmp_path):
    wanted, asked = package
    for _ in range(2):
        assert read_package(wanted, ["two", "one"], tmp_path / "new") == {"one": b"1", "two": b"2"}
    assert asked == ["https://registry.npmjs.org/thing/-/thing-1.2.3.tgz"]
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["thing-1.2.3.tgz"]


def test_another_archive_is_refused_and_not_kept(package, tmp_path):
    wanted, _ = package
    other = Package(wanted.name, wanted.version, b64encode(sha512(b"other").digest()).decode())
    with pytest.raises(InputError, match=r"thing-1\.2\.3\.tgz is not thing 1\.2\.3: its SHA-512 is another"):
        read_package(other, ["one"], tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_kept_archive_is_checked_too(package, tmp_path):
    wanted, asked = package
    (tmp_path / wanted.archive).write_bytes(archive(one=b"evil"))
    with pytest.raises(InputError, match="is another; remove it"):
        read_package(wanted, ["one"], tmp_path)
    assert not asked


def test_a_file_that_is_not_in_it_is_named(package, tmp_path):
    with pytest.raises(InputError, match=r"thing 1\.2\.3 has no file three"):
        read_package(package[0], ["three"], tmp_path)


def test_without_a_network_one_is_told_where_to_put_it(package, monkeypatch, tmp_path):
    def urlopen(_url, timeout):
        raise OSError(f"no route in {timeout:.0f} seconds")

    monkeypatch.setattr(registry, "urlopen", urlopen)
    with pytest.raises(InputError, match=r"\(no route in 120 seconds\).*put it there as .*thing-1\.2\.3\.tgz"):
        read_package(package[0], ["one"], tmp_path)
