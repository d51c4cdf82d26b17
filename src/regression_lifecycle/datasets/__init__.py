"""Catalog datasets that no library ships."""
