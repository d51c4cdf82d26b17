"""The ideas of the project, free of Kedro, MLflow and Evidently."""
