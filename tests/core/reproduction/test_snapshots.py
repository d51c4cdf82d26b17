"""Manifests hold all that a fit depends on, and refuse what they cannot be."""

from __future__ import annotations

import json

import pytest

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.errors import StateError
from regression_lifecycle.core.features.parameters import PreprocessingParameters
from regression_lifecycle.core.models.training import TrainingParameters
from regression_lifecycle.core.reproduction.snapshots import (
    SnapshotReader,
    TrainingConfiguration,
    find_snapshot,
    is_same,
    named_pieces,
    read_manifest,
    write_manifest,
)
from regression_lifecycle.runtime.parameter_check import read_sections
from tests.reproduction import PROVENANCE, snapshot
from tests.shipped import PROBLEMS, open_loader


def test_a_manifest_says_what_the_rows_and_the_model_are():
    taken = snapshot("3", "2021-02-10", estimator__max_iter=7)
    manifest = taken.manifest

    assert manifest.version == "3"
    assert manifest.n_rows == 40 * 24 == sum(piece.n_rows for piece in manifest.pieces)
    assert manifest.configuration.best_parameters == {"estimator__max_iter": 7}
    assert manifest.provenance == PROVENANCE
    assert set(taken.contents) == {piece.file_name for piece in manifest.pieces}


def test_a_manifest_is_read_as_it_was_written():
    manifest = snapshot("3", "2021-02-10").manifest

    assert read_manifest(write_manifest(manifest), "3.json") == manifest


@pytest.mark.parametrize("problem", PROBLEMS)
def test_the_configuration_of_every_problem_is_kept_exactly(problem: str) -> None:
    loader = open_loader(problem)
    names = {
        "problem": Problem,
        "preprocessing": PreprocessingParameters,
        "training": TrainingParameters,
    }
    sections = read_sections(loader["parameters"], tuple(names), loader.origin)
    said = TrainingConfiguration(**sections, best_parameters={})

    read = TrainingConfiguration.model_validate_json(said.model_dump_json(by_alias=True))

    assert read == said
    assert all(getattr(read, name).digest() == sections[name].digest() for name in names)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"version": "1"}', '{"pieces": [{"sha256": "../../etc"}]}']
)
def test_a_manifest_that_is_none_is_named(text):
    with pytest.raises(StateError, match=r"the manifest x/1\.json cannot be read"):
        read_manifest(text, "x/1.json")
    with pytest.raises(StateError, match=r"the manifest x/1\.json is damaged"):
        named_pieces(text, "x/1.json")


def test_a_manifest_without_a_piece_is_no_snapshot():
    written = json.loads(write_manifest(snapshot("3", "2021-02-10").manifest)) | {"pieces": []}

    with pytest.raises(StateError, match=r"3\.json cannot be read: pieces: at least 1 entry"):
        read_manifest(json.dumps(written), "3.json")


def test_pieces_are_known_of_a_manifest_of_another_release():
    manifest = snapshot("3", "2021-02-10").manifest
    written = json.loads(write_manifest(manifest))
    written["configuration"]["training"]["model"]["a_key_of_tomorrow"] = 1
    text = json.dumps(written)

    with pytest.raises(StateError, match="another release"):
        read_manifest(text, "3.json")
    assert named_pieces(text, "3.json") == {piece.file_name for piece in manifest.pieces}


def test_the_same_model_is_known_whoever_wrote_its_manifest():
    manifest = snapshot("3", "2021-02-10").manifest
    later = manifest.model_copy(
        update={"provenance": PROVENANCE.model_copy(update={"code_revision": "c"})}
    )

    assert is_same(write_manifest(manifest), later)
    assert not is_same(write_manifest(manifest), snapshot("3", "2021-02-11").manifest)
    assert not is_same("{", manifest)


def test_a_version_without_a_snapshot_is_told_which_ones_have_one():
    reader = SnapshotReader(("2", "3"), lambda version: snapshot(version, "2021-01-05"))

    assert find_snapshot(reader, "3").manifest.version == "3"
    with pytest.raises(StateError, match=r"version 1 has no snapshot.*have one: 2, 3"):
        find_snapshot(reader, "1")
