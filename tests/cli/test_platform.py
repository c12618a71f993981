"""An operator's commands: what each ends in, and that none but init is slow."""

import json
import subprocess
import sys

import pytest

from fedstyle_secure.encoder.spec import BackboneSpec
from fedstyle_secure.encoder.whitening import Space
from fedstyle_secure.errors import InputError
from fedstyle_secure.platform.settings import PlatformFolder, Settings
from fedstyle_secure.wire.enrolment import Invitation
from tests.platform.house import make


@pytest.fixture
def folder(tmp_path, shared_town):
    return make(tmp_path / "platform", shared_town)


def test_an_invitation_is_a_file_for_one_reader(call, folder, tmp_path):
    out = call("platform", "invite", "zoe", "--platform", str(folder.path))
    assert out.code == 0, out
    path = tmp_path / "zoe.invitation"
    assert path.stat().st_mode & 0o777 == 0o600
    assert Invitation.decode(path.read_bytes()).address == "https://127.0.0.1:8443"
    again = call("platform", "invite", "zoe", "--platform", str(folder.path))
    assert again.code == 2
    assert "--out" in again.err


def test_artists_are_listed(call, folder):
    call("platform", "invite", "zoe", "--platform", str(folder.path))
    listed = call("platform", "artists", "--platform", str(folder.path), "--json")
    assert json.loads(listed.out) == {"artists": [{"label": "zoe", "name": None, "link": None, "identity": None}]}
    assert "invited" in call("platform", "artists", "--platform", str(folder.path)).out
    revoked = call("platform", "invite", "zoe", "--revoke", "--platform", str(folder.path))
    assert "Invitations revoked: 1" in revoked.out


def test_settings_are_shown_and_hold_no_secret(call, folder):
    shown = call("platform", "serve", "--show-config", "--platform", str(folder.path))
    assert Settings.decode(shown.out) == folder.settings()
    for path in folder.secrets.iterdir():
        assert path.stat().st_mode & 0o077 == 0, path
        if path.suffix == ".key":
            assert path.read_text() not in shown.out


def test_a_backup_is_made_and_brought_back(call, folder, tmp_path):
    assert call("platform", "backup", str(tmp_path / "backup"), "--platform", str(folder.path)).code == 0
    restored = call("platform", "restore", str(tmp_path / "backup"), "--platform", str(tmp_path / "again"))
    assert restored.code == 0, restored
    assert "new epoch" in restored.err
    assert PlatformFolder(tmp_path / "again").settings() == folder.settings()


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("adress = 1", "'adress' is no setting"),
        ('address = "https://a"', "must be there"),
        ("memory_mb = 1.5", "memory_mb is a whole number"),
        ("memory_mb = 1", "memory_mb is 8 to"),
        ("memory_mb", "platform.toml"),
    ],
)
def test_pst1_a_setting_that_cannot_be_used_is_refused(call, folder, text, match):
    path = folder.path / "platform.toml"
    if not text.startswith("addr") and not text.startswith("adr"):
        path.write_text(path.read_text().replace("memory_mb = 24", text))
    else:
        path.write_text(text)
    refused = call("platform", "serve", "--platform", str(folder.path))
    assert (refused.code, match in refused.err) == (2, True), refused.err


def test_pst2_a_secret_that_others_can_read_is_refused(call, folder):
    (folder.secrets / "platform.key").chmod(0o644)
    refused = call("platform", "serve", "--platform", str(folder.path))
    assert refused.code == 2
    assert "chmod 600" in refused.err


def test_what_is_no_platform_is_said_so(call, tmp_path):
    refused = call("platform", "serve", "--platform", str(tmp_path))
    assert refused.code == 2
    assert "fedstyle platform init" in refused.err


def test_a_platform_begins_with_the_encoder_and_the_space_that_its_operator_names(call, tmp_path, monkeypatch):
    asked = []

    def note(art, backbone, *, space, nested, **_):
        asked.append((art.name, backbone, space, nested))
        raise InputError("that is enough")

    monkeypatch.setattr("fedstyle_secure.runs.founding.lay_foundation", note)
    init = ("platform", "init", tmp_path / "new", "--public-art", tmp_path / "art")
    assert call(*init).code == 2
    assert call(*init, "--encoder", "small", "--weights", tmp_path / "w", "--space", "within").code == 2
    assert asked == [
        ("art", BackboneSpec(), Space.PRINCIPAL, False),
        ("art", BackboneSpec(name="small", weights=tmp_path / "w"), Space.WITHIN, False),
    ]


def test_an_operators_commands_load_no_torch():
    code = (
        "import sys; import fedstyle_secure.platform.running, fedstyle_secure.platform.inviting, "
        "fedstyle_secure.platform.backup; sys.exit(bool({'torch', 'opacus', 'onnxruntime', 'PIL'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
