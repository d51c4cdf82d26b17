"""Drift: methods, reference, calibrated thresholds, verdicts."""
