"""Forms leave the kiosk sealed: the key comes from set-up, the chain ends at the CA's root."""

from __future__ import annotations

from pathlib import Path

from kiosk import config
from kiosk.documents.sealing import verify
from kiosk.worker.world import World


def test_a_form_is_sealed_by_the_kiosk(prepared_home: Path) -> None:
    settings = config.load({}, home=str(prepared_home))
    world = World(settings)
    try:
        data = {"order_number": "K0011", "name": "王䶮", "declaration": ["示范"]}
        pdf = world.press.call("form", deadline=60, code="personal_application", data=data, copies=[""])
        assert world.sealer is not None
        sealed = world.sealer.call("seal", deadline=60, pdf=pdf, reason="K0011")
    finally:
        world.close()
    public = settings.ca_home / "public"
    assert [verdict.good for verdict in verify(sealed, [public / "root.pem"], [public / "ca.pem"])] == [True]
    changed = bytearray(sealed)
    changed[len(pdf) // 2] ^= 1
    assert not all(verdict.good for verdict in verify(bytes(changed), [public / "root.pem"], [public / "ca.pem"]))


def test_the_key_is_the_kiosks_alone(prepared_home: Path) -> None:
    key = config.load({}, home=str(prepared_home)).secrets / "document.key"
    assert key.stat().st_mode & 0o077 == 0
