"""Versions of the store's tables, as Alembic migrations; ``versions/`` holds one file each.

A migration that was released is never edited: its column lists say what the tables were then.
"""
