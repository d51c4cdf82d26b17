"""Moments: how they are written, put together and told from mistakes, and the days of the week."""
