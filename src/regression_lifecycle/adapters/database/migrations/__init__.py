"""Versions of the store's tables, as Alembic migrations; ``versions/`` holds one file each.

A migration spells its columns out and imports nothing from ``core``: it says what the tables were.
"""
