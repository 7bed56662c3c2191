"""Synthetic forms, seals, signatures, scans and photos with their truth, and the bench that judges against them."""
