"""Bundles to serve, and a server over stubs."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server.asking import Served
from tests.translator.small import written


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """English to German, German to French and Korean to English, by their languages. Not to be written to."""
    root = tmp_path_factory.mktemp("bundles")
    pairs = [("en", "de"), ("de", "fr"), ("ko", "en")]
    return {"-".join(pair): written(root / "-".join(pair), languages=pair) for pair in pairs}


@pytest.fixture
def serve(bundles: dict[str, Path]) -> Iterator[Callable[..., Served]]:
    """Makes servers of some pairs of languages, which end with the test."""
    made: list[Served] = []

    def some(*names: str, **settings: Any) -> Served:
        made.append(Served([bundles[name] for name in names or bundles], **settings))
        return made[-1]

    yield some
    for one in made:
        one.close()
