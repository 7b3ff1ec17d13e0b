from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from data.features import mfcc
from data.keywords import keyword_pictures
from data.speech import SpeechSet, load_speech


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> SpeechSet:
    return load_speech(size="tiny", cache=tmp_path_factory.mktemp("speech"))


def test_keyword_pictures_are_coefficient_by_frame_with_unit_spread_in_training(speech: SpeechSet) -> None:
    told: list[float] = []
    found = keyword_pictures(speech, told.append)
    assert found.shape == (1, 10, 49)
    assert found.train.inputs.dtype == np.float32
    assert np.allclose(found.train.inputs.mean(axis=(0, 1, 3)), 0, atol=1e-4)
    assert np.allclose(found.train.inputs.std(axis=(0, 1, 3)), 1, atol=1e-4)
    assert np.array_equal(found.train.labels, speech.train.labels)
    assert len(found.classes) == 12
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1.0)
    # Within a clip a row is a coefficient moved by whole frames and scaled: away from the edges the very same course.
    course = mfcc(speech.train.waves)[3]
    for coefficient in (0, 4):
        row = found.train.inputs[3, 0, coefficient, 12:37]
        likeness = [np.corrcoef(course[12 + k : 37 + k, coefficient], row)[0, 1] for k in range(-12, 13)]
        assert max(likeness) > 0.9999


def test_nothing_is_learnt_from_validation_and_test(speech: SpeechSet) -> None:
    first = keyword_pictures(speech)
    other = replace(speech, validation=speech.validation.select(slice(0, 5)), test=speech.test.select(slice(3, 9)))
    second = keyword_pictures(other)
    assert np.array_equal(first.train.inputs, second.train.inputs)
    assert np.allclose(first.test.inputs[3:9], second.test.inputs, atol=1e-6)
