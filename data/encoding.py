"""From features to activations: what the board's rows are sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from data.errors import BadInput
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
        mean: mean of each coefficient over clips and frames, shape (coefficients,).
        scale: standard deviation of each coefficient, shape (coefficients,).
        span: standard deviations that reach the largest activation; what lies beyond is clipped.
        frames: frames of a clip.
        activation_max: largest activation.
    """

    kind: Kind
    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    span: float
    frames: int
    activation_max: int = 31

    @classmethod
    def fit(
        cls,
        features: NDArray[np.float32],
        *,
        kind: Kind = DEFAULT_KIND,
        span: float = DEFAULT_SPAN,
        activation_max: int = 31,
    ) -> Encoding:
        """The encoding whose mean and scale are those of ``features``, shape (n, frames, coefficients).

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
        mean = features.mean(axis=(0, 1), dtype=np.float64)
        scale = features.std(axis=(0, 1), dtype=np.float64)
        if not np.all(np.isfinite(mean)) or not np.all(scale > 0):
            raise BadInput("an encoding needs finite features that vary in every coefficient")
        return cls(kind, mean.astype(np.float32), scale.astype(np.float32), span, features.shape[1], activation_max)

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
        level = (features - self.mean) / (self.scale * np.float32(self.span))
        if self.kind == "on-off":
            level = np.concatenate([level, -level], axis=2) * np.float32(top)
        else:
            level = self.rest + level * np.float32((top + 1) / 2)
        return np.clip(np.rint(level), 0, top).astype(np.uint8).reshape(len(features), self.inputs)

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Everything as plain arrays, for saving."""
        return {
            "kind": np.array(self.kind),
            "mean": self.mean,
            "scale": self.scale,
            "span": np.array(self.span),
            "frames": np.array(self.frames),
            "activation_max": np.array(self.activation_max),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Encoding:
        """The encoding that gave ``arrays``.

        Raises:
            BadInput: an array is missing or makes no sense.
        """
        missing = [name for name in ("kind", "mean", "scale", "span", "frames", "activation_max") if name not in arrays]
        if missing:
            raise BadInput(f"a saved encoding lacks {', '.join(missing)}")
        kind = str(np.asarray(arrays["kind"]).item())
        mean, scale = (np.asarray(arrays[name], np.float32) for name in ("mean", "scale"))
        if kind not in get_args(Kind) or mean.ndim != 1 or mean.shape != scale.shape or not np.all(scale > 0):
            raise BadInput("a saved encoding is damaged: its kind, means and scales do not fit together")
        numbers = {name: np.asarray(arrays[name]).item() for name in ("span", "frames", "activation_max")}
        return cls(
            kind="on-off" if kind == "on-off" else "offset",
            mean=mean,
            scale=scale,
            span=float(numbers["span"]),
            frames=int(numbers["frames"]),
            activation_max=int(numbers["activation_max"]),
        )
