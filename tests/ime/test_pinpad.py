"""The shuffled pad: unpredictable, decoded once, never printed."""

import pytest

from kiosk.ime import pinpad
from kiosk.ime.pinpad import Pads, decode, new_pad


def test_places_decode_to_digits() -> None:
    pad = new_pad()
    presses = "".join(str(pad.order.index(int(digit))) for digit in "135246")
    assert decode(pad, presses) == "135246"


def test_order_is_a_shuffle_and_changes() -> None:
    orders = {new_pad().order for _ in range(20)}
    assert len(orders) == 20
    assert all(sorted(order) == list(range(10)) for order in orders)


def test_order_is_not_shown_by_repr_and_keys_hold_no_text() -> None:
    pad = new_pad()
    assert str(pad.order) not in repr(pad)
    assert len(set(pad.keys)) == 10


@pytest.mark.parametrize("presses", ["", "12a", "１２", "-1", "0" * 33])
def test_other_presses_are_refused(presses: str) -> None:
    with pytest.raises(ValueError, match="places"):
        decode(new_pad(), presses)


def test_a_pad_answers_once() -> None:
    pads = Pads()
    pad = pads.new()
    value = f"pad:{pad.id}:012"
    assert pads.typed(value) == "".join(map(str, pad.order[:3]))
    assert pads.typed(value) == ""


def test_plain_text_is_itself_and_unknown_pads_are_empty() -> None:
    pads = Pads()
    assert pads.typed("Abc12345") == "Abc12345"
    assert pads.typed("pad:nobody:123") == ""
    assert pads.typed(f"pad:{pads.new().id}:12x") == ""


def test_old_pads_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    pads = Pads()
    pad = pads.new()
    clock = pinpad.time.monotonic()
    monkeypatch.setattr(pinpad.time, "monotonic", lambda: clock + pinpad.LIFETIME + 1)
    assert pads.typed(f"pad:{pad.id}:0") == ""


def test_only_so_many_pads_wait() -> None:
    pads = Pads()
    first = pads.new()
    for _ in range(40):
        pads.new()
    assert pads.typed(f"pad:{first.id}:0") == ""
