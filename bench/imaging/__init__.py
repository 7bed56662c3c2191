"""Synthetic forms, seals, signatures, scans and photos with their truth, and the bench that judges against them."""

import kiosk.imaging as imaging  # before NumPy: it says how many threads that may have

__all__ = ["imaging"]
