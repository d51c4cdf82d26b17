"""What ``kedro run --pipelines=NAME`` runs: one folder per pipeline."""
