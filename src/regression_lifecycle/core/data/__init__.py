"""The table: its contract, keys, labels, splits, and stored tables."""
