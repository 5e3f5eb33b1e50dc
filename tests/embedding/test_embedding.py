"""The built-in model and the stage embed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from imgvet.embedding.compute import (
    collect_embeddings,
    embed,
    embed_pictures,
    embeddings_in,
    thumbnail_reader,
)
from imgvet.errors import ModelError, StaleReferenceError
from imgvet.measures.compute_stats import measure_files
from imgvet.models.model import BUILTIN_FOLDER, Model, builtin_model, load_model
from imgvet.models.resolve import resolve_model
from imgvet.options import ModelOptions, VideoOptions
from imgvet.similarity.distances import Metric
from imgvet.store.files import FileToRead
from imgvet.store.packs import THUMBNAIL_PLACE, places_in
from imgvet.store.references import write_scattered, write_vectors
from imgvet.store.store import Store
from imgvet.workdir import WorkDir
from support.onnx_models import Signature, expected, write_model
from support.pictures import scene, write_scenes


@pytest.fixture(scope="module")
def model() -> Model:
    return builtin_model()


def test_the_builtin_model_is_small_licensed_and_what_its_card_says(model: Model) -> None:
    assert model.path.stat().st_size < 8_000_000
    assert model.card.licence == "Apache-2.0"
    assert (BUILTIN_FOLDER / "NOTICE").read_text().strip()
    assert (BUILTIN_FOLDER / "MODEL_CARD.md").read_text().strip()


def test_embeddings_are_normalised_and_do_not_depend_on_the_batch(model: Model) -> None:
    pictures = [scene(seed, 100 + 30 * seed, 200) for seed in range(5)]
    together = embed_pictures(pictures, model)
    assert together.shape == (5, model.card.width)
    assert together.dtype == np.float32
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-4)
    alone = np.concatenate([embed_pictures([picture], model) for picture in pictures])
    assert np.allclose(together, alone, atol=1e-5)


def test_an_embedding_that_no_pack_holds_is_an_error_and_no_row_of_zeros(
    tmp_path: Path, model: Model
) -> None:
    store = Store(WorkDir(tmp_path))
    embed(["a"], lambda _: scene(1), store, model, threads=1)
    packs = store.embeddings(model.card.digest)
    assert collect_embeddings(["a"], packs, model.card.width).any()
    with pytest.raises(StaleReferenceError, match="1 images in embeddings"):
        collect_embeddings(["a", "b"], packs, model.card.width)


def test_a_black_picture_has_an_embedding(model: Model) -> None:
    vector = embed_pictures([np.zeros((50, 50, 3), np.uint8)], model)
    assert np.isfinite(vector).all()


def test_an_edit_is_nearer_than_another_picture(model: Model) -> None:
    original, other = scene(1), scene(2)
    brighter = np.clip(original.astype(int) + 15, 0, 255).astype(np.uint8)
    vectors = embed_pictures([original, brighter, other], model)
    similarity = Metric(scale=model.card.similarity_scale).similarity(1 - vectors @ vectors.T)
    assert similarity[0, 1] > 0.9 > similarity[0, 2]


def test_the_stage_embeds_each_content_and_gives_rows_in_order(
    tmp_path: Path, model: Model
) -> None:
    store = Store(WorkDir(tmp_path / "out"))
    paths = write_scenes(tmp_path / "photos", 19)
    files = [FileToRead(row, str(path), None, None) for row, path in enumerate(paths)]
    digests = measure_files(files, store, VideoOptions(), 2)["digest"].to_pylist()
    rows = store.measures.read(["digest", *THUMBNAIL_PLACE])
    read = thumbnail_reader(places_in(rows), store)
    for part in (digests[:7], digests[7:]):
        embed(part, read, store, model, threads=2)
    packs = store.embeddings(model.card.digest)
    vectors = collect_embeddings(digests, packs, model.card.width)
    backwards = collect_embeddings(digests[::-1], packs, model.card.width)
    assert np.array_equal(vectors, backwards[::-1])
    for order in (digests, digests[::-1], digests[1::2]):
        write_scattered(embeddings_in(packs, order, 384), (len(order), 384), tmp_path / "parts.npy")
        write_vectors(collect_embeddings(order, packs, 384), tmp_path / "whole.npy")
        assert (tmp_path / "parts.npy").read_bytes() == (tmp_path / "whole.npy").read_bytes()
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-4)
    assert len(np.unique(vectors, axis=0)) == 19


def test_a_model_may_read_originals_and_what_it_says_nothing_about_is_zeros(
    tmp_path: Path, model: Model, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store(WorkDir(tmp_path / "out"))
    path = write_model(tmp_path / "own.onnx", Signature(shape=("n", 3, 280, 280)))
    path.with_suffix(".json").write_text('{"mean": 0, "std": 1}')
    own = resolve_model(ModelOptions(model_path=str(path)))
    assert own.card.wants_originals
    assert not model.card.wants_originals
    originals = {f"digest {row}": np.full((600, 900, 3), 10 * row, np.uint8) for row in range(11)}
    caplog.clear()
    embed(list(originals), originals.__getitem__, store, own, threads=2)
    vectors = collect_embeddings(list(originals), store.embeddings(own.card.digest), 16)
    assert not vectors[0].any()  # black: the model gives zeros
    assert np.allclose(vectors[1:], expected((1, 1, 1), 16, (0, 0, 0), (1, 1, 1)), atol=1e-5)
    (line,) = caplog.messages
    assert "says nothing about 1 of 11 pictures" in line


def test_no_pictures_have_no_embeddings(model: Model) -> None:
    assert embed_pictures([], model).shape == (0, model.card.width)


@pytest.fixture
def copied_model(tmp_path: Path) -> Path:
    return Path(shutil.copytree(BUILTIN_FOLDER, tmp_path / "model"))


def test_a_changed_model_file_is_refused(copied_model: Path) -> None:
    path = load_model(copied_model).path
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(ModelError, match="not what its card says"):
        load_model(copied_model)


def test_a_card_without_a_field_is_refused(copied_model: Path) -> None:
    card = json.loads((copied_model / "card.json").read_text())
    del card["width"]
    (copied_model / "card.json").write_text(json.dumps(card))
    with pytest.raises(ModelError, match="can't be read"):
        load_model(copied_model)
