"""The few PKCS#11 calls that python-pkcs11 does not offer, straight on the module's function list.

Positions in CK_FUNCTION_LIST, struct layouts and constants: PKCS #11 v2.40, base specification, section 3 and
pkcs11f.h. ``dlopen`` hands back the module that python-pkcs11 has already loaded and initialised: both see one state.
"""

from __future__ import annotations

import ctypes
from typing import Final

_GET_TOKEN_INFO: Final = 6
_INIT_TOKEN: Final = 9
_FUNCTIONS: Final = 68
_LABEL_BYTES: Final = 32
_UNAVAILABLE: Final = ctypes.c_ulong(-1).value

CKR_OK: Final = 0x00
CKR_PIN_INCORRECT: Final = 0xA0
CKR_PIN_LOCKED: Final = 0xA4


class _Version(ctypes.Structure):
    _fields_ = (("major", ctypes.c_ubyte), ("minor", ctypes.c_ubyte))


class _FunctionList(ctypes.Structure):
    _fields_ = (("version", _Version), ("functions", ctypes.c_void_p * _FUNCTIONS))


class _TokenInfo(ctypes.Structure):
    _fields_ = (
        ("label", ctypes.c_char * 32),
        ("manufacturer", ctypes.c_char * 32),
        ("model", ctypes.c_char * 16),
        ("serial", ctypes.c_char * 16),
        ("flags", ctypes.c_ulong),
        ("max_sessions", ctypes.c_ulong),
        ("sessions", ctypes.c_ulong),
        ("max_rw_sessions", ctypes.c_ulong),
        ("rw_sessions", ctypes.c_ulong),
        ("max_pin", ctypes.c_ulong),
        ("min_pin", ctypes.c_ulong),
        ("total_public", ctypes.c_ulong),
        ("free_public", ctypes.c_ulong),
        ("total_private", ctypes.c_ulong),
        ("free_private", ctypes.c_ulong),
        ("hardware", _Version),
        ("firmware", _Version),
        ("utc", ctypes.c_char * 16),
    )


class RawModule:
    """The function list of one loaded PKCS#11 module. Not for more than one thread."""

    def __init__(self, path: str) -> None:
        """Raise OSError if ``path`` is no loadable PKCS#11 module."""
        library = ctypes.CDLL(path)
        pointer = ctypes.POINTER(_FunctionList)()
        result = library.C_GetFunctionList(ctypes.byref(pointer))
        if result != CKR_OK:
            raise OSError(f"C_GetFunctionList returned {result:#x}")
        functions = pointer.contents.functions
        info_type = ctypes.CFUNCTYPE(ctypes.c_ulong, ctypes.c_ulong, ctypes.POINTER(_TokenInfo))
        init_type = ctypes.CFUNCTYPE(ctypes.c_ulong, ctypes.c_ulong, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p)
        self._get_token_info = info_type(functions[_GET_TOKEN_INFO])
        self._init_token = init_type(functions[_INIT_TOKEN])

    def free_memory(self, slot_id: int) -> int | None:
        """Bytes free for public objects on the token in ``slot_id``; None where the token does not tell."""
        info = _TokenInfo()
        if self._get_token_info(slot_id, ctypes.byref(info)) != CKR_OK:
            return None
        return None if info.free_public == _UNAVAILABLE else int(info.free_public)

    def init_token(self, slot_id: int, so_pin: str, label: str) -> int:
        """C_InitToken: everything on the token is lost. Returns the CKR_ value; no session may be open."""
        pin = so_pin.encode()
        return int(self._init_token(slot_id, pin, len(pin), padded_label(label)))


def padded_label(label: str) -> bytes:
    """``label`` as the 32 blank-padded bytes of CK_TOKEN_INFO, cut between characters, never inside one."""
    encoded = label.encode()[:_LABEL_BYTES]
    return encoded.decode(errors="ignore").encode().ljust(_LABEL_BYTES)
