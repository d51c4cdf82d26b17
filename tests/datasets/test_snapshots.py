"""Snapshots on a disk and on an object store: shared pieces, whole manifests, safe pruning."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest

from regression_lifecycle.core.errors import StateError
from regression_lifecycle.core.reproduction.pieces import join_pieces
from regression_lifecycle.datasets.atomic_file import AtomicFile
from regression_lifecycle.datasets.snapshots import SnapshotDataset, SnapshotPruningDataset
from tests.reproduction import record, snapshot

FIRST, SECOND = snapshot("1", "2021-02-10"), snapshot("2", "2021-03-10")
SHARED = FIRST.manifest.pieces[0].file_name


@pytest.fixture(params=["disk", "object store"])
def folder(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[str]:
    """Where snapshots are, empty before and after."""
    if request.param == "disk":
        yield str(tmp_path / "snapshots")
        return
    store = fsspec.filesystem("memory")
    store.store.clear()
    yield "memory:///bucket/snapshots"
    store.store.clear()


def files(folder: str) -> dict[str, bytes]:
    """Content of every file below the folder by its path there."""
    file_system, root = fsspec.core.url_to_fs(folder)
    found = file_system.find(root)
    return {path[len(root) + 1 :]: file_system.cat_file(path) for path in found}


def write(folder: str, path: str, content: bytes) -> None:
    AtomicFile(f"{folder}/{path}").write(content)


def save(folder: str, *snapshots: Any) -> None:
    SnapshotDataset(folder).save(snapshots)


def prune(folder: str, *versions: str) -> None:
    SnapshotPruningDataset(folder).save(versions)


def test_a_snapshot_is_read_as_it_was_saved(folder: str) -> None:
    save(folder, FIRST)

    reader = SnapshotDataset(folder).load()
    found = reader.read("1")
    rows = join_pieces(found.manifest.pieces, found.contents)
    assert (reader.versions, found) == (("1",), FIRST)
    assert rows.equals(record("2021-02-10").rows)


def test_without_any_there_are_no_versions(folder: str) -> None:
    assert SnapshotDataset(folder).load().versions == ()
    assert not SnapshotDataset(folder).exists()
    prune(folder, "1")


def test_nothing_to_save_leaves_nothing(folder: str) -> None:
    save(folder)

    assert files(folder) == {}


def test_versions_are_in_the_order_of_their_numbers(folder: str) -> None:
    save(folder, *(snapshot(version, "2021-01-05") for version in ("10", "9", "2")))
    write(folder, "manifests/notes.txt", b"")

    assert SnapshotDataset(folder).load().versions == ("2", "9", "10")


def test_versions_share_the_pieces_that_they_have_in_common(
    folder: str, caplog: pytest.LogCaptureFixture
) -> None:
    save(folder, FIRST)
    with caplog.at_level(logging.INFO):
        save(folder, SECOND)

    pieces = [name for name in files(folder) if name.startswith("pieces/")]
    assert len(pieces) == 4 == len({*FIRST.contents, *SECOND.contents})
    assert f"{FIRST.manifest.pieces[0].n_bytes / 1e6:.2f} MB were stored already" in caplog.text


def test_saving_again_changes_nothing(folder: str) -> None:
    save(folder, FIRST)
    before = files(folder)

    later = FIRST.manifest.provenance.model_copy(update={"code_revision": "later"})
    manifest = FIRST.manifest.model_copy(update={"provenance": later})
    save(folder, type(FIRST)(manifest, FIRST.contents))

    assert files(folder) == before


def test_a_piece_that_was_damaged_is_written_again(folder: str) -> None:
    save(folder, FIRST)
    content = FIRST.contents[SHARED]
    write(folder, f"pieces/{SHARED}", content[:-1] + b"x")

    save(folder, SECOND)

    assert files(folder)[f"pieces/{SHARED}"] == content


def test_an_interrupted_save_leaves_no_manifest(
    folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, written = AtomicFile.write, []

    def killed_at_the_second(self: AtomicFile, content: bytes) -> None:
        if written:
            raise KeyboardInterrupt
        written.append(str(self))
        whole(self, content)

    monkeypatch.setattr(AtomicFile, "write", killed_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        save(folder, FIRST)
    monkeypatch.setattr(AtomicFile, "write", whole)

    assert SnapshotDataset(folder).load().versions == ()
    save(folder, FIRST)
    assert SnapshotDataset(folder).load().read("1") == FIRST


def test_pruning_keeps_what_another_version_needs(folder: str) -> None:
    save(folder, FIRST, SECOND)

    prune(folder, "1")

    reader = SnapshotDataset(folder).load()
    assert reader.versions == ("2",)
    assert reader.read("2") == SECOND
    assert {name for name in files(folder) if name.startswith("pieces/")} == {
        f"pieces/{name}" for name in SECOND.contents
    }


def test_an_interrupted_pruning_leaves_no_manifest_without_its_pieces(
    folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(folder, FIRST, SECOND)
    whole, removed = SnapshotPruningDataset._remove, []

    def killed_at_the_second(self: Any, *parts: str) -> None:
        if removed:
            raise KeyboardInterrupt
        removed.append(parts)
        whole(self, *parts)

    monkeypatch.setattr(SnapshotPruningDataset, "_remove", killed_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        prune(folder, "2")
    monkeypatch.setattr(SnapshotPruningDataset, "_remove", whole)

    assert SnapshotDataset(folder).load().versions == ("1",)
    assert SnapshotDataset(folder).load().read("1") == FIRST
    # What was left over goes with the next pruning.
    save(folder, snapshot("3", "2021-01-05"))
    prune(folder, "3")
    assert set(files(folder)) == {
        "manifests/1.json",
        *(f"pieces/{name}" for name in FIRST.contents),
    }


def test_nothing_is_removed_while_a_manifest_cannot_be_read(
    folder: str, caplog: pytest.LogCaptureFixture
) -> None:
    save(folder, FIRST, SECOND)
    write(folder, "manifests/2.json", b"{")
    before = files(folder)

    with caplog.at_level(logging.WARNING):
        prune(folder, "1")

    assert files(folder) == before
    assert "manifests/2.json is damaged" in caplog.text


def test_a_piece_that_is_missing_is_named(folder: str) -> None:
    save(folder, FIRST)
    file_system, root = fsspec.core.url_to_fs(folder)
    file_system.rm_file(f"{root}/pieces/{SHARED}")

    with pytest.raises(StateError, match=rf"version 1 lacks the piece .*{SHARED}"):
        SnapshotDataset(folder).load().read("1")


def test_a_folder_in_place_of_a_file_is_named(tmp_path: Path) -> None:
    folder = str(tmp_path / "snapshots")
    save(folder, FIRST)
    for name in (f"pieces/{SHARED}", "manifests/7.json"):
        Path(folder, name).unlink(missing_ok=True)
        Path(folder, name).mkdir()

    reader = SnapshotDataset(folder).load()

    assert reader.versions == ("1",)
    with pytest.raises(StateError, match=rf"version 1 cannot be read: .*{SHARED}.* is no file"):
        reader.read("1")


def test_the_manifest_of_another_version_is_not_taken_for_this_one(folder: str) -> None:
    save(folder, FIRST, SECOND)
    manifest = files(folder)["manifests/2.json"]
    write(folder, "manifests/1.json", manifest)
    write(folder, "manifests/007.json", manifest)

    reader = SnapshotDataset(folder).load()

    assert reader.versions == ("1", "2")
    with pytest.raises(StateError, match=r"1\.json is that of version 2 and not of version 1"):
        reader.read("1")


def test_a_manifest_is_json_with_the_seed(folder: str) -> None:
    save(folder, FIRST)

    manifest = json.loads(files(folder)["manifests/1.json"])
    assert manifest["configuration"]["training"]["model"]["seed"] == 0
    assert manifest["data_fingerprint"] == record("2021-02-10").data_fingerprint
