"""Models: built, trained, described."""
