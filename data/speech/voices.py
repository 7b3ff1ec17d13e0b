"""The voices of the synthetic corpus, and which of them is heard in which split.

espeak-ng brings about a hundred *variants* (larynx and vocal tract) that can speak each of its English *accents*. A
speaker of the corpus is a variant; all accents of one variant stay in one split.

Many variants are edits of one another: their files share most of their settings. A test voice whose sibling was
trained on is not a voice never heard, so such variants form one family, and a family is never divided. The families
below are the variants that share a name stem or more than about 60 % of their settings (espeak-ng 1.52).

Left out, for what their files say they are: ``whisper`` and ``whisperf`` (no voice at all) and ``fast`` (a test
of speaking rate that is otherwise the default voice).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

ACCENTS = (
    "en",
    "en-us",
    "en-us-nyc",
    "en-gb-scotland",
    "en-gb-x-rp",
    "en-gb-x-gbclan",
    "en-gb-x-gbcwmd",
    "en-029",
)
"""English accents of espeak-ng (``en-shaw`` is for another alphabet and sounds like ``en``)."""

SPLITS = ("train", "validation", "test")

_FEMALE = (
    ("Alicia",),
    ("Andrea",),
    ("Annie",),
    ("anika", "anikaRobot"),
    ("aunty", "f4"),
    ("belinda",),
    ("f1",),
    ("f2",),
    ("f3",),
    ("f5",),
    ("grandma",),
    ("linda",),
    ("shelby",),
    ("steph", "steph2", "steph3"),
)

_OTHER = (
    ("Alex",),
    ("Andy", "AnxiousAndy"),
    ("Demonic",),
    ("Denis",),
    ("Diogo", "Henrique", "Hugo", "michel", "miguel"),
    ("Gene", "Gene2"),
    ("Jacky",),
    ("Lee",),
    ("Marco",),
    ("Mario", "Michael"),
    ("Mike", "mike2"),
    ("Mr serious", "Tweaky", "john", "norbert"),
    ("Nguyen",),
    ("Reed",),
    (
        *("RicishayMax", "RicishayMax2", "RicishayMax3", "max", "m8", "robosoft", "robosoft2", "robosoft3"),
        *("robosoft4", "robosoft5", "robosoft6", "robosoft7", "robosoft8"),
    ),
    ("Storm",),
    ("UniRobot",),
    ("adam",),
    ("announcer",),
    ("antonio",),
    ("benjamin",),
    ("boris",),
    ("caleb",),
    ("croak",),
    ("david",),
    ("ed",),
    ("edward", "edward2"),
    ("grandpa",),
    ("gustave",),
    ("ian",),
    ("iven", "iven2", "iven3", "iven4"),
    ("kaukovalta",),
    ("klatt", "klatt2", "klatt3", "klatt4", "klatt5", "klatt6"),
    ("m1",),
    ("m2",),
    ("m3",),
    ("m4",),
    ("m5",),
    ("m6",),
    ("m7",),
    ("marcelo",),
    ("pablo",),
    ("paul",),
    ("pedro",),
    ("quincy",),
    ("rob", "robert"),
    ("sandro",),
    ("travis",),
    ("victor",),
    ("zac",),
)

LARGEST_HELD_OUT_FAMILY = 3
"""Larger families are for training: no single voice may make up most of a held-out split."""

_HELD_OUT_SHARE = 0.18


@dataclass(frozen=True, slots=True)
class Voice:
    """A variant of espeak-ng.

    Attributes:
        variant: name of the variant's file.
        family: the first variant of its family.
        female: whether the family is of women's voices.
        split: train, validation or test.
    """

    variant: str
    family: str
    female: bool
    split: str


def all_voices() -> tuple[Voice, ...]:
    """Every voice with its split.

    Women's and other families are divided apart, each in the order of a hash of the family's name (the rule of Speech
    Commands, ``which_set`` in TensorFlow's ``input_data.py``): 18 % of the families are tested on, 18 % validated on.
    """
    voices: list[Voice] = []
    for female, families in ((True, _FEMALE), (False, _OTHER)):
        small = sorted((f for f in families if len(f) <= LARGEST_HELD_OUT_FAMILY), key=_hash)
        held_out = round(_HELD_OUT_SHARE * len(families))
        split_of = dict.fromkeys(small[:held_out], "test")
        split_of |= dict.fromkeys(small[held_out : 2 * held_out], "validation")
        voices += [
            Voice(variant, family[0], female, split_of.get(family, "train"))
            for family in families
            for variant in family
        ]
    return tuple(voices)


def voices_of(split: str) -> tuple[Voice, ...]:
    """The voices of one split."""
    return tuple(voice for voice in all_voices() if voice.split == split)


def _hash(family: tuple[str, ...]) -> str:
    return hashlib.sha256(family[0].encode()).hexdigest()
