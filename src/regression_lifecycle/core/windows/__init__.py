"""Windows of time, rows or values."""
