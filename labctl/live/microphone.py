"""Words spoken into a microphone, through PortAudio (``sounddevice``), where there is one."""

from __future__ import annotations

import importlib
import logging
import queue
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np

from data.errors import BadInput, LabctlError
from data.speech.corpus import SAMPLE_RATE
from labctl.live.sources import Clip, Clips
from labctl.live.trigger import ButtonTrigger, Sound, SoundTrigger
from labctl.progress import Listener, Stop, never, silent

log = logging.getLogger(__name__)

BLOCK: Final = 800
"""Samples a block: 50 ms."""
WAITING: Final = 200
"""Blocks that may wait; older ones are lost when nobody takes them in ten seconds."""
SILENT_S: Final = 5.0
"""A microphone that gives nothing for so long is gone."""

Levels = Callable[[float], None]


class NoMicrophone(BadInput):
    """There is no microphone, or nothing that could listen to one."""


def microphones() -> tuple[str, ...]:
    """Names of the microphones of this machine.

    Raises:
        NoMicrophone: why there is none, and what to do.
    """
    devices = [item for item in _portaudio().query_devices() if item["max_input_channels"] > 0]
    if not devices:
        raise NoMicrophone("this machine has no microphone; connect one, or take words from files or typed in")
    return tuple(dict.fromkeys(str(item["name"]) for item in devices))


def deaf(level_db: float) -> None:
    """Hear of no loudness."""


@dataclass(frozen=True)
class Microphone:
    """Words spoken into a microphone; it listens until it is stopped.

    Attributes:
        device: its name or a part of it; None for the system's own choice.
        trigger: what begins a clip: a loud ``sound``, or a ``button`` that is held.
        threshold_db: how loud a sound must be, in decibel of full scale.
        held: says whether the button is held.
        level: hears the loudness of every 50 ms in decibel of full scale; called between utterances.
        stop: asked every 50 ms; true ends it.
    """

    device: str | None = None
    trigger: Literal["sound", "button"] = "sound"
    threshold_db: float = -35.0
    held: Stop = never
    level: Levels = deaf
    stop: Stop = never

    def load(self, listener: Listener = silent) -> Clips:
        """Make sure that there is a microphone; it is opened when the first utterance is asked for.

        Raises:
            NoMicrophone: there is none.
        """
        names = microphones()
        if self.device is not None and not any(self.device in name for name in names):
            raise NoMicrophone(f"there is no microphone {self.device!r}; there are {', '.join(names)}")
        return Clips(f"microphone {self.device or names[0]}", self._listen(), None, lasting=False)

    def _listen(self) -> Iterator[Clip]:
        portaudio = _portaudio()
        blocks: queue.Queue[Sound] = queue.Queue(WAITING)

        def take(sound: Any, _frames: int, _time: Any, _status: Any) -> None:
            # Called by PortAudio's thread, which must not wait.
            if not blocks.full():
                blocks.put_nowait(np.frombuffer(bytes(sound), np.int16))

        try:
            stream = portaudio.RawInputStream(
                samplerate=SAMPLE_RATE, blocksize=BLOCK, device=self.device, channels=1, dtype="int16", callback=take
            )
        except portaudio.PortAudioError as error:
            raise NoMicrophone(f"the microphone cannot be opened: {error}") from error
        with stream:
            yield from self._cut(blocks)

    def _cut(self, blocks: queue.Queue[Sound]) -> Iterator[Clip]:
        trigger = SoundTrigger(self.threshold_db) if self.trigger == "sound" else ButtonTrigger()
        last = time.monotonic()
        while not self.stop():
            try:
                block = blocks.get(timeout=BLOCK / SAMPLE_RATE)
            except queue.Empty:
                if time.monotonic() - last > SILENT_S:
                    raise LabctlError("the microphone gives no sound any more; was it unplugged?") from None
                continue
            last = time.monotonic()
            heard = trigger.feed(block, self.held())
            self.level(heard.level_db)
            if heard.clip is not None:
                yield Clip(heard.clip, name=time.strftime("%H:%M:%S"))
                last = time.monotonic()


def _portaudio() -> Any:
    try:
        return importlib.import_module("sounddevice")
    except ImportError as error:
        raise NoMicrophone(
            "microphones need the package sounddevice; install it by `pip install labctl[audio]`"
        ) from error
    except OSError as error:
        raise NoMicrophone(
            f"microphones need the system library PortAudio ({error}); on Debian and Ubuntu it is libportaudio2"
        ) from error
