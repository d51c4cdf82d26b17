"""A project that was moved or copied: the first command says so, ``kedro relocate`` mends it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from regression_lifecycle.core.errors import LifecycleError, StateError, bounded_list, counted
from regression_lifecycle.runtime.run_lock import LOCK_NAME, workspace_lock
from regression_lifecycle.runtime.tracking_server import read_section, read_tracking_server


class Move(NamedTuple):
    """Artifacts that MLflow looks for in another place than the configuration.

    Attributes:
        database: MLflow's SQLite file.
        old: Artifact location that it knows.
        new: Folder that is configured.
    """

    database: Path
    old: str
    new: Path


def refuse_moved(loader: Any, project: Path, tracking_uri: str) -> None:
    """Refuse to run on artifacts that lie elsewhere: they may be those of another project.

    Args:
        loader: The configuration loader.
        project: The project's folder.
        tracking_uri: Where MLflow is.

    Raises:
        StateError: Naming both places and the mend.
    """
    move = _find_move(loader, project, tracking_uri)
    if move is not None:
        raise StateError(
            f"the project was moved or copied: MLflow looks for models in {_shown(move.old)}, and "
            f"they belong in {move.new}, so nothing was run. kedro relocate with the same --env "
            "writes the new place into its database"
        )


def relocate(loader: Any, project: Path) -> str:
    """Tell MLflow's database where its artifacts are now, under the lock of the workspace.

    Args:
        loader: The configuration loader.
        project: The project's folder.

    Returns:
        What was done, in a sentence.

    Raises:
        LifecycleError: If files of registered models are not at the new place.
    """
    from regression_lifecycle.adapters.mlflow.relocation import missing_models, move_artifacts

    with workspace_lock(Path(loader.local_folder) / LOCK_NAME):
        uri = read_tracking_server(loader, project).tracking_uri
        move = _find_move(loader, project, uri)
        if move is None:
            return "Nothing to do: MLflow looks for its artifacts where they are configured"
        missing = missing_models(move.database, move.old, move.new)
        if missing:
            raise LifecycleError(
                f"the files of {counted(len(missing), 'model')} are not there: "
                f"{bounded_list(missing, 3)}. Copy {_shown(move.old)} to {move.new} first; nothing "
                "was changed"
            )
        new = move.new.as_uri() if move.old.startswith("file:") else move.new.as_posix()
        n = move_artifacts(move.database, move.old, new)
        if move.new.is_relative_to(project):
            # MLflow's own default experiment, for whoever logs something beside the pipelines.
            old_root = _shown(move.old).removesuffix(f"/{move.new.relative_to(project).as_posix()}")
            n += move_artifacts(move.database, old_root, project.as_posix())
    return f"{n} places in {move.database} were {_shown(move.old)} and are {move.new} now"


def _find_move(loader: Any, project: Path, tracking_uri: str) -> Move | None:
    from regression_lifecycle.adapters.mlflow.relocation import (
        artifact_location,
        database_file,
        local_path,
    )

    database = database_file(tracking_uri)
    experiment = (read_section(loader, "mlflow").get("tracking") or {}).get("experiment") or {}
    told = (experiment.get("create_experiment_kwargs") or {}).get("artifact_location")
    configured = local_path(str(told or ""))
    if database is None or configured is None:
        return None
    old = artifact_location(database, str(experiment.get("name")))
    known, new = local_path(old), (project / configured).absolute()
    if known is None or known.resolve() == new.resolve():
        return None
    return Move(database, old, new)


def _shown(location: str) -> str:
    from regression_lifecycle.adapters.mlflow.relocation import local_path

    return str(local_path(location))
