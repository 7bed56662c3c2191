import pytest

from kiosk.ime.build import index_path
from kiosk.ime.engine import Engine


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return Engine(index_path(tmp_path_factory.mktemp("ime")))
