"""One utterance of the plan, spoken by espeak-ng and cut out bare."""

from __future__ import annotations

from data.speech.espeak import Espeak
from data.speech.plan import Utterance
from data.speech.recording import Floats, bare_word


def bare_utterance(espeak: Espeak, utterance: Utterance) -> Floats:
    """The word of an utterance as :func:`data.speech.recording.bare_word` gives it, shape (samples,).

    Raises:
        SynthesisFailed: as :meth:`Espeak.say`.
    """
    wave = espeak.say(
        utterance.word,
        accent=utterance.accent,
        variant=utterance.variant,
        rate=utterance.rate,
        pitch=utterance.pitch,
        pitch_range=utterance.pitch_range,
    )
    return bare_word(wave, espeak.sample_rate, utterance.stretch)
