"""espeak-ng through ctypes, from the library and voices that ``espeakng-loader`` brings.

The library keeps state from one utterance to the next, so the same request twice in a process gives two waveforms,
and it seeds the generator behind breathy voices from the clock. A fresh process with the same requests in the same
order gives the same waveforms once the generator is seeded before each of them. Use it only in such a process.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

import espeakng_loader
import numpy as np
from numpy.typing import NDArray

from data.errors import LabctlError

_SYNCHRONOUS = 2
_DO_NOT_EXIT = 0x8000
_UTF8 = 1
_CHARACTERS = 1
_PARAMETERS = {"rate": 1, "volume": 2, "pitch": 3, "pitch_range": 4}

_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class SynthesisFailed(LabctlError):
    """A synthesizer could not be started or refused a voice."""


class Espeak:
    """The synthesizer of this process; build it with :meth:`start`, once a process."""

    def __init__(self, library: ctypes.CDLL, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self._library = library
        self._chunks: list[bytes] = []
        self._callback = _Callback(self._collect)
        self._voice = ""
        self._said = 0
        library.espeak_SetSynthCallback(self._callback)

    @classmethod
    def start(cls) -> Espeak:
        """Load and initialise the library. Changes the working directory: espeak-ng cuts long data paths.

        Raises:
            SynthesisFailed: the library cannot be loaded or does not find its data.
        """
        library_path = Path(espeakng_loader.get_library_path()).resolve()
        data_path = Path(espeakng_loader.get_data_path()).resolve()
        try:
            library = ctypes.CDLL(str(library_path))
        except OSError as error:
            raise SynthesisFailed(f"the speech synthesizer {library_path.name} cannot be loaded: {error}") from error
        os.chdir(data_path.parent)
        sample_rate = library.espeak_Initialize(_SYNCHRONOUS, 0, b".", _DO_NOT_EXIT)
        if sample_rate <= 0:
            raise SynthesisFailed(f"espeak-ng finds no voices in {data_path}; reinstall espeakng-loader")
        return cls(library, sample_rate)

    def say(
        self, text: str, *, accent: str, variant: str, rate: int, pitch: int, pitch_range: int
    ) -> NDArray[np.int16]:
        """The waveform of ``text``, shape (samples,), int16 at :attr:`sample_rate`.

        Raises:
            SynthesisFailed: no such accent or variant, or nothing was said.
        """
        self._use(f"{accent}+{variant}", variant)
        for name, value in (("rate", rate), ("volume", 100), ("pitch", pitch), ("pitch_range", pitch_range)):
            self._library.espeak_SetParameter(_PARAMETERS[name], value, 0)
        self._chunks.clear()
        self._said += 1
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(self._said))
        encoded = text.encode()
        status = self._library.espeak_Synth(encoded, len(encoded) + 1, 0, _CHARACTERS, 0, _UTF8, None, None)
        self._library.espeak_Synchronize()
        wave = np.frombuffer(b"".join(self._chunks), np.int16)
        if status != 0 or not np.any(wave):
            raise SynthesisFailed(f"espeak-ng said nothing for {text!r} with voice {self._voice}")
        return wave

    def _use(self, voice: str, variant: str) -> None:
        if voice == self._voice:
            return
        # An unknown variant is accepted in silence and spoken by the default voice: look for its file.
        known = (Path("espeak-ng-data") / "voices" / "!v" / variant).is_file()
        if not known or self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise SynthesisFailed(
                f"espeak-ng has no voice {voice}; this version of espeakng-loader brings other voices"
            )
        self._voice = voice

    def _collect(self, samples: object, count: int, _events: object) -> int:
        if samples and count > 0:
            self._chunks.append(ctypes.string_at(samples, 2 * count))  # type: ignore[arg-type]
        return 0
