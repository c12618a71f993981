"""The signer stands for the log: it signs what grew, and tells a restored database from a fork."""

import json

import pytest

from fedstyle_secure.errors import InputError
from fedstyle_secure.platform.signer import RestoredError, Signer
from fedstyle_secure.transparency.checkpoints import Checkpoint
from fedstyle_secure.transparency.tree import Tree

ENTRIES = [b"entry %d" % number for number in range(9)]


@pytest.fixture
def signer(tmp_path):
    return Signer.create(tmp_path / "platform", log_name="gallery.example/log")


def opened(signer, note):
    return Checkpoint.open(note, origin=signer.said.origin, key=signer.log_key)


def test_what_is_signed_is_the_whole_log_and_is_remembered(signer, tmp_path):
    for size in (0, 1, 5, 9, 9):
        tree = Tree(ENTRIES[:size])
        checkpoint = opened(signer, signer.sign_checkpoint(tree))
        assert (checkpoint.size, checkpoint.root) == (size, tree.root())
        assert (signer.said.size, signer.said.root) == (size, tree.root())
    again = Signer(tmp_path / "platform")
    assert (again.platform_key, again.log_key, again.said) == (signer.platform_key, signer.log_key, signer.said)
    assert again.platform_key != again.log_key


@pytest.mark.parametrize(
    "entries",
    [ENTRIES[:4], [*ENTRIES[:4], b"other"], [*ENTRIES[:4], b"other", *ENTRIES[5:]], [b"other", *ENTRIES]],
    ids=["restored", "one of the same size", "a longer one", "one that begins otherwise"],
)
def test_sgn1_a_log_that_did_not_grow_out_of_what_was_signed_is_not_signed(signer, entries):
    signer.sign_checkpoint(Tree(ENTRIES[:5]))
    before = signer.said
    with pytest.raises(RestoredError, match=r"last signed with 5 entries.*restored from a backup.*fedstyle log begin"):
        signer.sign_checkpoint(Tree(entries))
    assert signer.said == before
    signer.sign_checkpoint(Tree(ENTRIES[:6]))


def test_sgn1_what_cannot_be_remembered_is_not_signed(signer, monkeypatch):
    def full(_path, _content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("fedstyle_secure.platform.signer.write", full)
    with pytest.raises(OSError, match="No space"):
        signer.sign_checkpoint(Tree(ENTRIES[:5]))
    monkeypatch.undo()
    assert signer.said.size == 0


def test_sgn1_two_processes_sign_one_history(signer, tmp_path):
    other = Signer(tmp_path / "platform")
    signer.sign_checkpoint(Tree(ENTRIES[:5]))
    with pytest.raises(RestoredError):
        other.sign_checkpoint(Tree([*ENTRIES[:4], b"other"]))
    other.sign_checkpoint(Tree(ENTRIES[:6]))
    with pytest.raises(RestoredError):
        signer.sign_checkpoint(Tree(ENTRIES[:5]))


def test_sgn2_a_new_epoch_has_another_name_and_says_out_of_what_it_came(signer):
    signer.sign_checkpoint(Tree(ENTRIES[:5]))
    old = signer.said
    assert (old.origin, old.opening.size) == ("gallery.example/log/1", 0)
    said = signer.begin_epoch()
    assert said == signer.said
    assert (said.origin, said.size) == ("gallery.example/log/2", 0)
    assert (said.opening.number, said.opening.size, said.opening.root) == (2, 5, old.root)
    assert opened(signer, signer.sign_checkpoint(Tree([said.opening.encode()]))).origin == said.origin


@pytest.mark.usefixtures("signer")
def test_sgn3_keys_are_files_of_their_owner(tmp_path):
    folder = tmp_path / "platform" / "secrets"
    assert folder.stat().st_mode & 0o777 == 0o700
    for name in ("platform.key", "log.key"):
        assert (folder / name).stat().st_mode & 0o777 == 0o600
    (folder / "log.key").chmod(0o640)
    with pytest.raises(InputError, match="others than its owner") as refused:
        Signer(tmp_path / "platform")
    assert (folder / "log.key").read_text().strip() not in str(refused.value)


@pytest.mark.usefixtures("signer")
def test_a_platform_is_set_up_once(tmp_path):
    with pytest.raises(InputError, match="set up before"):
        Signer.create(tmp_path / "platform", log_name="gallery.example/log")
    with pytest.raises(InputError, match="does not name a log"):
        Signer.create(tmp_path / "other", log_name="a name with spaces")
    assert not (tmp_path / "other").exists()


@pytest.mark.usefixtures("signer")
@pytest.mark.parametrize("damage", [b"", b"{}", b"[]", b'{"name": 1}', bytes(range(200, 220))])
def test_a_damaged_state_is_named(tmp_path, damage):
    (tmp_path / "platform" / "signer.json").write_bytes(damage)
    with pytest.raises(InputError, match=r"signer\.json"):
        Signer(tmp_path / "platform")


@pytest.mark.usefixtures("signer")
def test_a_missing_key_is_named(tmp_path):
    (tmp_path / "platform" / "secrets" / "platform.key").unlink()
    with pytest.raises(InputError, match=r"platform\.key"):
        Signer(tmp_path / "platform")


def test_a_state_is_for_everybody_who_keeps_a_copy(signer, tmp_path):
    signer.sign_checkpoint(Tree(ENTRIES))
    state = json.loads((tmp_path / "platform" / "signer.json").read_bytes())
    assert state.keys() == {"name", "epoch", "size", "root", "before"}
