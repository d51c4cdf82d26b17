"""The HTTP service, and the log of what it answered."""
