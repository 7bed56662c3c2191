"""The application without its worker, and a visitor on any page of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask.testing import FlaskClient

from tests.browser.stage import Scene, Stage

Visit = Callable[..., FlaskClient]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Stage(tmp_path_factory.mktemp("stage")) as found:
        found.app.config["WTF_CSRF_ENABLED"] = False
        yield found


@pytest.fixture
def visit(stage: Stage) -> Visit:
    """``visit(scene)``: a browser that stands on that scene."""

    def enter(scene: Scene | None = None) -> FlaskClient:
        client = stage.app.test_client()
        with client.session_transaction() as session:
            session.update({"visit": scene.visit, **scene.extra} if scene and scene.visit else {})
        return client

    return enter
