"""MLflow: registry, model files, and the model as MLflow serves it."""
