"""What stood before, found among more keys than are held."""

from pathlib import Path

import numpy as np
import pytest

from mtkit.jobs.preparing.repeated import repeated
from mtkit.text.filters import key


@pytest.mark.parametrize("memory", [1, 7, 99, 100, 1000])
def test_all_but_the_first_of_each_are_marked(memory: int, tmp_path: Path) -> None:
    values = np.random.default_rng(3).integers(0, 40, 100).tolist()
    np.array([key(str(value)) for value in values], np.uint64).tofile(tmp_path / "keys")
    flags = repeated(tmp_path / "keys", memory)
    assert flags.tolist() == [value in values[:place] for place, value in enumerate(values)]
    assert flags.sum() > 40
    assert sorted(path.name for path in tmp_path.iterdir()) == ["keys", "repeated-keys"]
