"""The shipped catalogue, and an operator's empty folder."""

from pathlib import Path

import pytest

from kiosk.catalogue import Catalogue, load
from kiosk.catalogue.loader import SHIPPED


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return load()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "catalogue"
    place.mkdir()
    return place


@pytest.fixture(scope="session")
def schemes() -> Path:
    """The shipped scheme files, to copy from."""
    return SHIPPED / "schemes"
