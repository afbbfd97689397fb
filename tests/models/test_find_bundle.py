from __future__ import annotations

from pathlib import Path

import pytest

from elitscope_models.bundle import BundleInvalid, load_bundle
from elitscope_models.zoo import DEFAULT, bundle_folders, find_bundle, zoo_folder
from tests.support.bundles import make_bundle


def test_a_folder_that_is_a_bundle_is_taken_as_it_is(tmp_path: Path) -> None:
    folder = make_bundle(tmp_path / "mine").path
    assert find_bundle(folder) == folder
    assert find_bundle(str(folder)) == folder


def test_a_name_is_looked_up_in_the_folders_in_their_order(tmp_path: Path) -> None:
    first, second = make_bundle(tmp_path / "a" / "toy").path, make_bundle(tmp_path / "b" / "toy").path
    assert find_bundle("toy", [tmp_path / "a", tmp_path / "b"]) == first
    assert find_bundle("toy", [tmp_path / "b", tmp_path / "a"]) == second
    assert find_bundle("toy", [second]) == second


def test_an_unknown_name_is_answered_with_those_there_are(tmp_path: Path) -> None:
    make_bundle(tmp_path / "toy")
    with pytest.raises(BundleInvalid, match=r"no bundle 'grafene'.*toy"):
        find_bundle("grafene", [tmp_path, tmp_path / "nowhere"])


def test_half_written_bundles_are_not_seen(tmp_path: Path) -> None:
    make_bundle(tmp_path / ".toy-x8f2")
    (tmp_path / "empty").mkdir()
    assert not {"empty", ".toy-x8f2"} & set(bundle_folders([tmp_path]))


def test_the_ensemble_that_ships_is_found_by_its_name() -> None:
    assert find_bundle(DEFAULT) == zoo_folder() / DEFAULT
    assert load_bundle(find_bundle(DEFAULT)).manifest.name == DEFAULT
