"""Alerts: what people are told, where, and when."""
