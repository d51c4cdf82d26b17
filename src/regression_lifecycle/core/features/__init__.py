"""Features: what they are, and how they are made."""
