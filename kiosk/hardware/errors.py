"""What a device can refuse, as one small tree.

    DeviceError
    ├── DeviceMissing, DeviceTimeout, DeviceCrashed, DeviceFailed, DeviceBusy
    ├── CardError        CardMissing, CardLifted, CardUnreadable
    ├── TokenError       TokenMissing, SeveralTokens(count), TokenRemoved, TokenNotBlank, TokenFull,
    │                    PinIncorrect(attempts_left), PinLocked, PinTooWeak, KeyMissing, ProofFailed
    ├── PaperError       PaperOut, PaperJam, CoverOpen, PrintUnknown
    ├── ScanError        NothingOnGlass, ScannerJam, ScanTruncated
    └── PosError         PosDeclined(response), PosUnknown

Every member carries a stable ``code`` (snake_case, for logs, tasks and the look-up of the sentence a user sees) and
facts: plain str, int, float, bool or None, given as keywords and readable as attributes. They survive pickling, hence
the pipe between a driver's process and the worker. Facts hold no personal data and no PIN: they are logged.
"""

from __future__ import annotations

from typing import Any, ClassVar

Fact = str | int | float | bool | None


class DeviceError(Exception):
    """A device did not do what was asked. ``DeviceError("code", fact=value)``; the code defaults to the class's own."""

    default_code: ClassVar[str] = "device_error"

    def __init__(self, code: str | None = None, /, **facts: Fact) -> None:
        self.code: str = code or self.default_code
        self.facts: dict[str, Fact] = facts
        super().__init__(self.code)

    def __getattr__(self, name: str) -> Any:
        facts: dict[str, Fact] = self.__dict__.get("facts", {})
        if name in facts:
            return facts[name]
        raise AttributeError(name)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.code, self.facts)

    def __str__(self) -> str:
        return " ".join([self.code, *(f"{name}={value}" for name, value in self.facts.items())])


def _rebuild(kind: type[DeviceError], code: str, facts: dict[str, Fact]) -> DeviceError:
    return kind(code, **facts)


class DeviceMissing(DeviceError):
    """Nothing answers at the configured port: unplugged, switched off or wrongly configured."""

    default_code = "device_missing"


class DeviceTimeout(DeviceError):
    """The deadline passed. What the device did meanwhile is not known."""

    default_code = "device_timeout"


class DeviceCrashed(DeviceError):
    """The driver's process died (fact ``signal``) during the request. What the device did is not known."""

    default_code = "device_crashed"


class DeviceFailed(DeviceError):
    """The device answered that it cannot, or answered nonsense."""

    default_code = "device_failed"


class DeviceBusy(DeviceError):
    """Another request holds the device; this one was not begun."""

    default_code = "device_busy"


class CardError(DeviceError):
    """ID card reader."""


class CardMissing(CardError):
    """No card lies on the reader."""

    default_code = "card_missing"


class CardLifted(CardError):
    """The card was taken away before it was read."""

    default_code = "card_lifted"


class CardUnreadable(CardError):
    """A card lies there but cannot be read (fact ``status``), or its content makes no sense (fact ``field``)."""

    default_code = "card_unreadable"


class TokenError(DeviceError):
    """UKey."""


class TokenMissing(TokenError):
    """No UKey is inserted, or not the one asked for."""

    default_code = "token_missing"


class SeveralTokens(TokenError):
    """More than one UKey is inserted where exactly one is wanted."""

    default_code = "several_tokens"
    count: int


class TokenRemoved(TokenError):
    """The UKey was pulled out during the work."""

    default_code = "token_removed"


class TokenNotBlank(TokenError):
    """The UKey already carries something where an empty one is wanted."""

    default_code = "token_not_blank"


class TokenFull(TokenError):
    """No room is left on the UKey."""

    default_code = "token_full"


class PinIncorrect(TokenError):
    """Wrong PIN; ``attempts_left`` is None where the UKey does not tell."""

    default_code = "pin_incorrect"
    attempts_left: int | None


class PinLocked(TokenError):
    """Too many wrong PINs: only an unlock helps."""

    default_code = "pin_locked"


class PinTooWeak(TokenError):
    """The new PIN breaks the UKey's rules (length, characters)."""

    default_code = "pin_too_weak"


class KeyMissing(TokenError):
    """The UKey does not hold the key asked for."""

    default_code = "key_missing"


class ProofFailed(TokenError):
    """The UKey's signature does not verify with the certificate."""

    default_code = "proof_failed"


class PaperError(DeviceError):
    """Printers."""


class PaperOut(PaperError):
    """No paper. Whether this page was printed: it was not begun, unless the fact ``begun`` says so."""

    default_code = "paper_out"


class PaperJam(PaperError):
    """Paper is stuck."""

    default_code = "paper_jam"


class CoverOpen(PaperError):
    """The printer's cover is open."""

    default_code = "cover_open"


class PrintUnknown(PaperError):
    """The data went out and no acknowledgement came back: it may be printed now, later or never.

    Must never be repeated by itself: sending again prints twice once the fault clears.
    """

    default_code = "print_unknown"


class ScanError(DeviceError):
    """Scanner."""


class NothingOnGlass(ScanError):
    """The picture is an empty page."""

    default_code = "nothing_on_glass"


class ScannerJam(ScanError):
    """Paper is stuck in the scanner's feeder."""

    default_code = "scanner_jam"


class ScanTruncated(ScanError):
    """Only a part of the page arrived."""

    default_code = "scan_truncated"


class PosError(DeviceError):
    """Card terminal."""


class PosDeclined(PosError):
    """The acquirer said no; ``response`` is its code. Nothing was charged."""

    default_code = "pos_declined"
    response: str


class PosUnknown(PosError):
    """No result came back: the card may have been charged. To be asked for, never repeated."""

    default_code = "pos_unknown"
