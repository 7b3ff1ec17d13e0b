"""Which studies there are; a new one is a line here."""

from __future__ import annotations

from data.errors import BadInput
from labctl.studies.points import Study

STUDIES: dict[str, Study] = {
    "ordering": Study(
        name="ordering",
        title="What the order of events costs, and what it is worth",
        compute="labctl.studies.ordering.compute:compute",
        present="labctl.studies.ordering.present:present",
        plan="labctl.studies.ordering.plan:plan_of_scope",
        scopes={"quick": "few boards, seeds and epochs: minutes", "full": "all conditions: hours"},
        any_geometry=True,
    ),
    "calibration": Study(
        name="calibration",
        title="How well calibrations predict, and whether their intervals hold what they promise",
        compute="labctl.studies.calibration.compute:compute",
        present="labctl.studies.calibration.present:present",
        plan="labctl.studies.calibration.plan:plan_of_scope",
        scopes={"quick": "a few small boards: minutes", "full": "twenty boards: an hour or more"},
        any_geometry=True,
    ),
    "walking-noise": Study(
        name="walking-noise",
        title="How much noise networks bear, and where",
        compute="labctl.studies.walking.compute:compute",
        present="labctl.studies.walking.present:present",
        plan="labctl.studies.walking.plan:plan_of_scope",
        scopes={
            "quick": "digits and keywords, three seeds: minutes",
            "medium": "more networks and seeds: most of an hour",
            "full": "the grids of the paper, image sets from local files too: days, or a GPU",
        },
    ),
    "hardening": Study(
        name="hardening",
        title="What makes networks bear noise, and whether it holds on a board",
        compute="labctl.studies.hardening.compute:compute",
        present="labctl.studies.hardening.present:present",
        plan="labctl.studies.hardening.plan:plan_of_scope",
        scopes={
            "quick": "digits and keywords, three seeds, two boards: minutes",
            "medium": "more seeds, scales and boards: half an hour",
            "full": "longer trainings, all keywords: a day or more",
        },
        any_geometry=True,
    ),
}


def find_study(name: str) -> Study:
    """The study of this name.

    Raises:
        BadInput: there is none.
    """
    if name not in STUDIES:
        raise BadInput(f"there is no study {name}; the studies are {', '.join(STUDIES)}")
    return STUDIES[name]
