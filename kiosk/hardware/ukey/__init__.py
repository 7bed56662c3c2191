"""UKeys (certificate tokens) over PKCS#11: ``Child("ukey", "kiosk.hardware.ukey:UKeyReader", {"module": …})``."""

from kiosk.hardware.ukey.model import TokenCertificate, TokenContents, TokenInfo, TokenObject, current
from kiosk.hardware.ukey.pin import pin_weakness
from kiosk.hardware.ukey.reader import UKeyReader

__all__ = ["TokenCertificate", "TokenContents", "TokenInfo", "TokenObject", "UKeyReader", "current", "pin_weakness"]
