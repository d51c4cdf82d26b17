"""Print where MLflow's UI has the runs and the models of a problem, for `make ui`.

MLflow 3 opens on language models and hides the model registry unless the address says otherwise.
"""

from __future__ import annotations

import argparse

from mlflow import MlflowClient

TRAINING = "?workflowType=machine_learning"


def addresses(server: str, tracking_uri: str, model_name: str) -> dict[str, str]:
    """Return the pages of a problem by what they show.

    Args:
        server: Address of the UI.
        tracking_uri: MLflow's server or database.
        model_name: Experiment and registered model.
    """
    client = MlflowClient(tracking_uri)
    experiment = client.get_experiment_by_name(model_name)
    runs = "" if experiment is None else f"/{experiment.experiment_id}/runs"
    return {
        "Runs": f"{server}/#/experiments{runs}{TRAINING}",
        "Model": f"{server}/#/models/{model_name}{TRAINING}",
    }


def main() -> None:
    """Print them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("server")
    parser.add_argument("tracking_uri")
    parser.add_argument("model_name")
    found = addresses(**vars(parser.parse_args()))
    print("\n".join(f"{name:6}{address}" for name, address in found.items()))


if __name__ == "__main__":
    main()
