"""From a model to predictions: adjustment, interval, batches."""
