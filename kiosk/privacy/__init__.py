"""Sealed columns and files, blind indexes, masking."""

from kiosk.privacy.masking import mask_name, mask_number, mask_phone
from kiosk.privacy.vault import Shredded, Vault, VaultError

__all__ = ["Shredded", "Vault", "VaultError", "mask_name", "mask_number", "mask_phone"]
