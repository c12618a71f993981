"""XPT-1: what a platform's page computes with is what everybody computes with, or nothing is written."""

import gzip
from hashlib import sha256

import pytest

from fedstyle_secure.encoder.opening import LITE0_GRAPH
from fedstyle_secure.encoder.spec import LITE0, LITE0_WEIGHTS
from fedstyle_secure.errors import InputError
from fedstyle_secure.platform.pages.buyer import LOADER, NETWORK, RUNTIME
from fedstyle_secure.runs import exporting
from fedstyle_secure.runs.exporting import RUNTIME_PACKAGE, export_web


@pytest.fixture(autouse=True)
def registry(monkeypatch):
    """A registry that has the runtime's files."""

    def read_package(package, members, folder):
        assert package == RUNTIME_PACKAGE
        assert folder.stat().st_mode & 0o077 == 0
        return {member: member.encode() for member in members}

    monkeypatch.setattr(exporting, "read_package", read_package)


def test_xpt1_the_network_is_the_graph_that_encoders_compute_here(tmp_path):
    files = export_web(f"{LITE0}@{LITE0_WEIGHTS}", tmp_path / "web", packages=tmp_path / "packages")
    assert {path.name for path in files} == {LOADER, f"{RUNTIME}.gz", f"{NETWORK}.gz"}
    graph = gzip.decompress((tmp_path / "web" / f"{NETWORK}.gz").read_bytes())
    assert sha256(graph).hexdigest() == LITE0_GRAPH
    before = {path: path.read_bytes() for path in files}
    export_web(f"{LITE0}@{LITE0_WEIGHTS}", tmp_path / "web", packages=tmp_path / "packages")
    assert {path: path.read_bytes() for path in files} == before


@pytest.mark.parametrize("encoder", ["timm:resnet18@00", "small@11", f"{LITE0}@22"])
def test_another_encoder_has_no_page(tmp_path, encoder):
    with pytest.raises(InputError, match="buyers search with `fedstyle search --platform`"):
        export_web(encoder, tmp_path / "web", packages=tmp_path / "packages")
    assert not (tmp_path / "web").exists()
