"""Tables of word vectors: side by side, reduced to principal components, averaged over texts."""

import numpy as np
import pytest
from safetensors.numpy import save_file
from sklearn.decomposition import PCA

from mtkd.errors import InputError
from mtkd.models.vectors import mean_vectors, principal_components, read_vectors


@pytest.fixture
def write(tmp_path):
    def table(name, words, vectors):
        folder = tmp_path / name
        folder.mkdir()
        save_file({"vectors": np.array(vectors, np.float16)}, folder / "v.safetensors")
        (folder / "vocabulary.txt").write_text("".join(f"{word}\n" for word in words))
        return folder / "v.safetensors"

    return table


def test_tables_stand_side_by_side_and_lack_words_as_zeros(write):
    glove = write("glove", ["good", "film"], [[1, 2], [3, 4]])
    rated = write("rated", [":)", "good"], [[9], [5]])
    words, vectors = read_vectors([glove, rated])
    assert words == ["good", "film", ":)"]
    assert vectors.dtype == np.float32
    assert vectors.tolist() == [[1, 2, 5], [3, 4, 0], [0, 0, 9]]
    words, vectors = read_vectors([glove])
    assert (words, vectors.tolist()) == (["good", "film"], [[1, 2], [3, 4]])


@pytest.mark.parametrize("vectors", [[[1.0, 2.0]], [1.0, 2.0]])
def test_vectors_and_words_that_do_not_match_are_refused(write, vectors):
    with pytest.raises(InputError, match=r"vectors of shape .* for 2 words"):
        read_vectors([write("t", ["a", "b"], vectors)])


def test_principal_components_are_those_of_another_implementation():
    rng = np.random.default_rng(0)
    table = (rng.normal(size=(200, 12)) @ rng.normal(size=(12, 12)) + 3).astype(np.float32)
    found = principal_components(table, 5)
    assert found.dtype == np.float32
    expected = PCA(5, svd_solver="full").fit(table)
    scores = expected.transform(table)
    np.testing.assert_allclose(np.abs(found), np.abs(scores), rtol=1e-3, atol=1e-3)
    # The direction is the table's own: axes turned round, as a library may, come back.
    axes = np.linalg.lstsq(table - table.mean(axis=0), found, rcond=None)[0]
    assert (axes[np.abs(axes).argmax(axis=0), np.arange(5)] > 0).all()
    np.testing.assert_array_equal(found, principal_components(table, 5))
    # All components: a rotation, in which no distance changes.
    distances = [
        np.linalg.norm(one[:, None] - one, axis=-1)
        for one in (table, principal_components(table, 12))
    ]
    np.testing.assert_allclose(*distances, rtol=1e-3, atol=1e-3)


def test_fewer_words_than_components_leave_the_rest_zero():
    found = principal_components(np.array([[1.0, 0, 0, 5], [0, 2, 0, 5]], np.float32), 3)
    np.testing.assert_allclose(found[:, 1:], 0, atol=1e-6)
    assert np.abs(found[:, 0]).min() > 1


def test_mean_vectors_are_of_known_words_as_often_as_they_occur():
    table = np.array([[1, 0], [0, 1], [4, 4]], np.float32)
    texts = ["Good, good film", "unknown", "", "isn't :)"]
    means, without = mean_vectors(texts, ["good", "film", ":)"], table)
    np.testing.assert_allclose(means, [[2 / 3, 1 / 3], [0, 0], [0, 0], [4, 4]])
    assert without == 2
    assert mean_vectors([], ["good"], table[:1])[0].shape == (0, 2)
