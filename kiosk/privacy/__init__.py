"""Sealed columns and files, blind indexes, masking."""
