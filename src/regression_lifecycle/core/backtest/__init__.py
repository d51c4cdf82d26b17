"""The whole loop replayed over the past."""
