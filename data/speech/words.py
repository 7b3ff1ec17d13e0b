"""The twelve classes of the keyword task and the words behind them, as in Speech Commands.

Warden, "Speech Commands: A Dataset for Limited-Vocabulary Speech Recognition", 2018 (arXiv:1804.03209).
"""

from __future__ import annotations

KEYWORDS = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
"""The ten words that the network knows."""

UNKNOWN = "unknown"
SILENCE = "silence"

LABELS = (*KEYWORDS, UNKNOWN, SILENCE)
"""The classes; a label is an index into this tuple."""

AUXILIARY_WORDS = (
    *("backward", "bed", "bird", "cat", "dog", "eight", "five", "follow", "forward", "four", "happy", "house"),
    *("learn", "marvin", "nine", "one", "seven", "sheila", "six", "three", "tree", "two", "visual", "wow", "zero"),
)
"""The words of Speech Commands version 2 that are *unknown* to the network."""

VALIDATION_ONLY_WORDS = ("bird", "happy", "three", "zero")
"""Unknown words of the synthetic validation set that are not in the training set."""

TEST_ONLY_WORDS = ("dog", "five", "sheila", "two")
"""Unknown words of the synthetic test set that are neither in the training nor in the validation set."""


def label_of(word: str) -> int:
    """The label of a clip in which ``word`` is said; no word is silence, and one that is not a keyword is unknown."""
    if not word:
        return LABELS.index(SILENCE)
    return LABELS.index(word if word in KEYWORDS else UNKNOWN)


def unknown_words(split: str) -> tuple[str, ...]:
    """The unknown words of one split of the synthetic corpus.

    Validation and test have the words of the training set and four more each, because a keyword network will also
    hear words that nobody trained it to refuse.
    """
    held_out = VALIDATION_ONLY_WORDS + TEST_ONLY_WORDS
    common = tuple(word for word in AUXILIARY_WORDS if word not in held_out)
    more = {"train": (), "validation": VALIDATION_ONLY_WORDS, "test": TEST_ONLY_WORDS}
    return common + more[split]
