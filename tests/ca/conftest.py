"""A CA made once and copied for each test; an RSA key made once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from kiosk.ca.embedded import EmbeddedCa
from tests.ca.ca_world import Clock


@pytest.fixture(scope="session")
def rsa_key():
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="session")
def pristine(tmp_path_factory) -> Path:
    home = tmp_path_factory.mktemp("ca") / "home"
    EmbeddedCa.create(home, algorithm="rsa2048")
    return home


@pytest.fixture
def home(pristine, tmp_path) -> Path:
    shutil.copytree(pristine, tmp_path / "ca")
    return tmp_path / "ca"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ca(home, clock):
    with EmbeddedCa(home, clock=clock) as made:
        yield made
