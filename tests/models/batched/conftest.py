from __future__ import annotations

from collections.abc import Iterator

import pytest

from models.threads import one_thread


@pytest.fixture(autouse=True)
def single() -> Iterator[None]:
    """Small networks are faster on one thread than on several that wait for each other."""
    with one_thread():
        yield
