"""One trained toy model for all tests that only read it."""

from pathlib import Path

import pytest

from tests.system.toy import make, mtkit, ran


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with config, text and a finished run. Not to be written to."""
    folder = make(tmp_path_factory.mktemp("toy") / "toy")
    ran(mtkit(folder, "train", "-s", "train.max_updates=500", "-s", "train.validate_every=250"))
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with config and text, nothing done yet."""
    return make(tmp_path / "toy")
