"""Encodings: range, order, sparseness, and that nothing is lost between fitting and loading."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from data.encoding import Encoding, Kind
from data.errors import BadInput

KINDS: tuple[Kind, ...] = ("offset", "on-off")


def _features(seed: int = 0, count: int = 30) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(count, 49, 10)) * np.arange(1, 11) + np.arange(10)).astype(np.float32)


def _plain(kind: Kind, span: float = 2.5) -> Encoding:
    return Encoding.fit(_features(), kind=kind, span=span, centre=False, level=False)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("centre", [False, True])
def test_codes_fill_their_range_and_shape(kind: Kind, centre: bool) -> None:
    encoding = Encoding.fit(_features(), kind=kind, centre=centre)
    codes = encoding.encode(_features(1))
    assert codes.dtype == np.uint8
    assert codes.shape == (30, encoding.inputs)
    assert encoding.inputs == (980 if kind == "on-off" else 490)
    assert (codes.min(), codes.max()) == (0, 31)


@settings(max_examples=40, deadline=None)
@given(arrays(np.float32, (2, 49, 10), elements=st.floats(-1e6, 1e6, width=32)))
def test_on_off_is_sparse_and_tells_the_feature_to_half_a_code(features: np.ndarray) -> None:
    encoding = _plain("on-off")
    on, off = np.split(encoding.encode(features).reshape(2, 49, 20).astype(int), 2, axis=2)
    assert not np.any((on > 0) & (off > 0))
    wanted = np.clip((features.astype(np.float64) - encoding.mean) / encoding.scale / 2.5, -1, 1) * 31
    assert np.max(np.abs((on - off) - wanted)) <= 0.5 + 1e-3


@settings(max_examples=40, deadline=None)
@given(
    arrays(np.float32, (1, 49, 10), elements=st.floats(-50, 50, width=32)),
    arrays(np.float32, (1, 49, 10), elements=st.floats(0, 50, width=32)),
    st.sampled_from(KINDS),
)
def test_a_larger_feature_never_gets_a_smaller_code(low: np.ndarray, more: np.ndarray, kind: Kind) -> None:
    encoding = _plain(kind)

    def signed(features: np.ndarray) -> np.ndarray:
        codes = encoding.encode(features).reshape(49, -1, 10).astype(int)
        return codes[:, 0] if kind == "offset" else codes[:, 0] - codes[:, 1]

    assert np.all(signed(low + more) >= signed(low))


@pytest.mark.parametrize("kind", KINDS)
def test_the_mean_is_encoded_as_rest(kind: Kind) -> None:
    encoding = _plain(kind)
    codes = encoding.encode(np.tile(encoding.mean, (1, 49, 1)))
    assert np.all(codes == encoding.rest)


def test_a_normal_feature_gives_half_zeros() -> None:
    encoding = _plain("on-off")
    assert 0.5 <= np.mean(encoding.encode(_features(4)) == 0) < 0.6


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_encoding_encodes_the_same(kind: Kind) -> None:
    encoding = Encoding.fit(_features(), kind=kind, span=3.0, activation_max=15, centre=False)
    file = io.BytesIO()
    np.savez(file, **encoding.arrays())
    file.seek(0)
    with np.load(file, allow_pickle=False) as stored:
        loaded = Encoding.from_arrays(dict(stored))
    np.testing.assert_array_equal(loaded.encode(_features(2)), encoding.encode(_features(2)))
    assert (loaded.kind, loaded.span, loaded.frames, loaded.centre, loaded.level) == (kind, 3.0, 49, False, True)
    assert loaded.encode(_features(2)).max() == 15


def test_training_features_alone_decide() -> None:
    encoding = Encoding.fit(_features(0))
    other = 100 * _features(1)
    alone = encoding.encode(_features(2))
    np.testing.assert_array_equal(encoding.encode(np.concatenate([_features(2), other]))[:30], alone)


def test_what_cannot_be_encoded_is_refused() -> None:
    encoding = Encoding.fit(_features())
    broken = _features()
    broken[3, 4, 5] = np.nan
    for features, words in ((_features()[:, :, :9], "this encoding takes"), (broken, "not finite")):
        with pytest.raises(BadInput, match=words):
            encoding.encode(features)
    for wrong, words in (
        ({"kind": "both"}, "known are offset, on-off"),
        ({"span": 0.0}, "must be positive"),
    ):
        with pytest.raises(BadInput, match=words):
            Encoding.fit(_features(), **wrong)
    with pytest.raises(BadInput, match="vary in every coefficient"):
        Encoding.fit(np.ones((4, 49, 10), np.float32))
    with pytest.raises(BadInput, match="not \\(0, 49, 10\\)"):
        Encoding.fit(np.ones((0, 49, 10), np.float32))


def test_damaged_arrays_are_refused() -> None:
    stored = Encoding.fit(_features()).arrays()
    with pytest.raises(BadInput, match="lacks spread"):
        Encoding.from_arrays({name: value for name, value in stored.items() if name != "spread"})
    with pytest.raises(BadInput, match="damaged"):
        Encoding.from_arrays({**stored, "mean": np.zeros(3, np.float32)})
