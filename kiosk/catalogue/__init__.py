"""The schemes (办理方案) as data."""
