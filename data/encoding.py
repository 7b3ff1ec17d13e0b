"""From features to activations: what the board's rows are sent.

Before a feature becomes a code, the digital part in front of the board moves each clip to its middle and takes out
what belongs to the voice rather than to the word (:func:`data.features.centred`, :func:`data.features.levelled`).
The figures behind the choices are in ``docs/explanation/speech.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from data.errors import BadInput
from data.features import centred, levelled
from data.values import Activations

Kind = Literal["offset", "on-off"]
"""``offset``: one row a coefficient, its mean in the middle of the range. ``on-off``: two rows a coefficient, one for
what lies above its mean and one for what lies below; never both, so half of the rows and more send no event."""

DEFAULT_KIND: Kind = "on-off"
DEFAULT_SPAN = 2.5
"""Standard deviations that reach the largest activation."""


@dataclass(frozen=True)
class Encoding:
    """How features become activations, fitted on training features only.

    Attributes:
        kind: see :data:`Kind`.
        spread: standard deviation of each coefficient as it comes, over clips and frames, shape (coefficients,).
        mean: mean of each coefficient after centring and levelling, shape (coefficients,).
        scale: standard deviation of each coefficient after centring and levelling, shape (coefficients,).
        span: standard deviations that reach the largest activation; what lies beyond is clipped.
        frames: frames of a clip.
        activation_max: largest activation.
        centre: whether clips are moved to their middle.
        level: whether the mean and spread of each clip are taken out.
    """

    kind: Kind
    spread: NDArray[np.float32]
    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    span: float
    frames: int
    activation_max: int = 31
    centre: bool = True
    level: bool = True

    @classmethod
    def fit(
        cls,
        features: NDArray[np.float32],
        *,
        kind: Kind = DEFAULT_KIND,
        span: float = DEFAULT_SPAN,
        activation_max: int = 31,
        centre: bool = True,
        level: bool = True,
    ) -> Encoding:
        """The encoding whose spread, mean and scale are those of ``features``, shape (n, frames, coefficients).

        Raises:
            BadInput: no clips, a constant or non-finite coefficient, an unknown kind, or a span that is not positive.
        """
        if kind not in get_args(Kind):
            raise BadInput(f"there is no encoding {kind!r}; known are {', '.join(get_args(Kind))}")
        if not span > 0:
            raise BadInput(f"the span of an encoding is {span}; it must be positive")
        if features.ndim != 3 or not len(features):
            raise BadInput(
                f"an encoding is fitted on features of shape (n, frames, coefficients), not {features.shape}"
            )
        spread = features.std(axis=(0, 1), dtype=np.float64).astype(np.float32)
        if not np.all(np.isfinite(spread)) or not np.all(spread > 0):
            raise BadInput("an encoding needs finite features that vary in every coefficient")
        unit = np.ones_like(spread)
        start = cls(kind, spread, 0 * unit, unit, span, features.shape[1], activation_max, centre, level)
        prepared = start.prepare(features)
        mean = prepared.mean(axis=(0, 1), dtype=np.float64)
        scale = prepared.std(axis=(0, 1), dtype=np.float64)
        return replace(start, mean=mean.astype(np.float32), scale=scale.astype(np.float32))

    @property
    def rows_per_frame(self) -> int:
        """Activations of one frame: neighbours in time are this far apart."""
        return len(self.mean) * (2 if self.kind == "on-off" else 1)

    @property
    def inputs(self) -> int:
        """Activations of one clip."""
        return self.frames * self.rows_per_frame

    @property
    def rest(self) -> int:
        """The activation of a coefficient at its mean."""
        return 0 if self.kind == "on-off" else self.activation_max // 2

    def prepare(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Features centred and levelled, as this encoding does it, shape (n, frames, coefficients)."""
        if self.centre:
            features = centred(features)
        return levelled(features, self.spread) if self.level else features

    def encode(self, features: NDArray[np.float32]) -> Activations:
        """Activations 0..activation_max, shape (n, inputs), of features, shape (n, frames, coefficients).

        Inputs are ordered by frame, then on before off, then coefficient.

        Raises:
            BadInput: features of another shape, or not finite.
        """
        if features.ndim != 3 or features.shape[1:] != (self.frames, len(self.mean)):
            raise BadInput(
                f"features have shape {features.shape}; this encoding takes (n, {self.frames}, {len(self.mean)})"
            )
        if not np.all(np.isfinite(features)):
            raise BadInput("features hold values that are not finite")
        top = self.activation_max
        level = (self.prepare(features) - self.mean) / (self.scale * np.float32(self.span))
        if self.kind == "on-off":
            level = np.concatenate([level, -level], axis=2) * np.float32(top)
        else:
            level = self.rest + level * np.float32((top + 1) / 2)
        return np.clip(np.rint(level), 0, top).astype(np.uint8).reshape(len(features), self.inputs)

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Everything as plain arrays, for saving."""
        return {
            "kind": np.array(self.kind),
            "spread": self.spread,
            "mean": self.mean,
            "scale": self.scale,
            "span": np.array(self.span),
            "frames": np.array(self.frames),
            "activation_max": np.array(self.activation_max),
            "centre": np.array(self.centre),
            "level": np.array(self.level),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Encoding:
        """The encoding that gave ``arrays``.

        Raises:
            BadInput: an array is missing or makes no sense.
        """
        missing = [item.name for item in fields(cls) if item.name not in arrays]
        if missing:
            raise BadInput(f"a saved encoding lacks {', '.join(missing)}")
        kind = str(np.asarray(arrays["kind"]).item())
        spread, mean, scale = (np.asarray(arrays[name], np.float32) for name in ("spread", "mean", "scale"))
        fit_together = mean.ndim == 1 and mean.shape == scale.shape == spread.shape
        if kind not in get_args(Kind) or not fit_together or not np.all(scale > 0):
            raise BadInput("a saved encoding is damaged: its kind, means and scales do not fit together")
        return cls(
            kind="on-off" if kind == "on-off" else "offset",
            spread=spread,
            mean=mean,
            scale=scale,
            span=float(np.asarray(arrays["span"]).item()),
            frames=int(np.asarray(arrays["frames"]).item()),
            activation_max=int(np.asarray(arrays["activation_max"]).item()),
            centre=bool(np.asarray(arrays["centre"]).item()),
            level=bool(np.asarray(arrays["level"]).item()),
        )
