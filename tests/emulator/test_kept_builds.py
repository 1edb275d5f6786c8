"""What a build of an image leaves for the next one: the same bytes in seconds, and nothing after a failure."""

import shutil
from types import SimpleNamespace

import pytest
from testbed.boards import load_board
from testbed.boards.profile import definition_files
from testbed.cache import cache_dir
from testbed.runtimes import RuntimeUnavailable, build, sources


@pytest.fixture
def bare(tmp_path, monkeypatch):
    """A cache with sources that are folders and no more."""
    fetched = tmp_path / "fetched"
    for name in ("micropython", "mbedtls", "pico-sdk", "tinyusb"):
        (fetched / name).mkdir(parents=True)
    monkeypatch.setenv("RINGCAST_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sources, "fetch", lambda progress: fetched)
    tools = SimpleNamespace(environment={})
    return lambda kept: build._tree("image", tools, lambda line: None, kept)


def test_a_build_finds_what_the_last_one_left(bare):
    with bare("one") as tree:
        assert not tree.built_before
        (tree.folder / "compiled").touch()
    with bare("one") as tree:
        assert tree.built_before and (tree.folder / "compiled").exists()
    with bare("two") as tree:
        assert not tree.built_before and not (tree.folder / "compiled").exists()


def test_after_a_failure_or_a_kill_the_next_build_begins_from_the_start(bare):
    for kill in (False, True):
        with bare("one") as tree:
            (tree.folder / "compiled").touch()
        if kill:
            bare("one").__enter__()
        else:
            with pytest.raises(RuntimeUnavailable), bare("one"):
                raise RuntimeUnavailable("the compiler")
        with bare("one") as tree:
            assert not tree.built_before and not (tree.folder / "compiled").exists()


def test_without_a_name_nothing_is_left_and_of_many_names_the_latest(bare):
    with bare("") as tree:
        pass
    assert not tree.folder.exists()
    for name in ("one", "two", "three", "four"):
        with bare(name):
            pass
    left = {path.name for path in (cache_dir() / "trees").iterdir()}
    assert len(left) == build.KEPT_TREES and "four" in left


@pytest.mark.pico
@pytest.mark.soak
def test_bytes_are_those_of_a_build_from_the_start(frozen_network_image, tmp_path, monkeypatch):
    """A minute: one build from the start, of other sources, and one on what it left."""
    monkeypatch.setattr(build, "KEPT_TREES", 99)
    pico = load_board("pico")
    recipe, target = pico.network_image, tmp_path / "image.uf2"
    right = {**pico.image_sources(network=True), **definition_files(recipe)}
    other = {**right, "firmware/settop/version.py": right["firmware/settop/version.py"] + b"\nOTHER = 12345\n"}
    told = []
    try:
        for project in (other, right):
            build.build_firmware(target, recipe, project, pico.manifest, told.append, "test-of-kept-builds")
    finally:
        shutil.rmtree(cache_dir() / "trees" / "test-of-kept-builds", ignore_errors=True)
    assert target.read_bytes() == frozen_network_image.path.read_bytes()
    assert "about half a minute" in told[0] and "some seconds" in told[-1]
