"""Snapshots of what a version was trained on, and the proof that they give the version again."""
