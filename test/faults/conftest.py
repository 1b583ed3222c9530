from __future__ import annotations

import pytest

from test.support.small_plant import SmallPlant


@pytest.fixture(scope="session")
def trained_plant(tmp_path_factory: pytest.TempPathFactory) -> SmallPlant:
    """A small plant on which everything has run; whoever changes it works on a copy."""
    from test.faults.trained_plant import make_plant

    return make_plant(tmp_path_factory.mktemp("plant"))
