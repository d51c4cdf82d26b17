"""Projects to run in: copies of the configuration in a temporary folder, with real data."""

from __future__ import annotations

import copy
import gc
import io
import itertools
import os
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import chdir
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]

# As settings.py does for the commands, and before libraries are imported.
gc.set_threshold(100_000, 20, 100)
# Kedro looks for it whenever it keeps a parameter, and through every folder if it is not there.
sys.modules.setdefault("ibis", None)  # type: ignore[arg-type]
# A worker of xdist is told how wide the terminal of the tests is; what is tested writes to a log.
os.environ.pop("COLUMNS", None)
# One native thread: tests run beside each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# What conf/production and conf/dask cannot be read without; nothing answers at these addresses.
os.environ.setdefault("LIFECYCLE_DASK_SCHEDULER", "tcp://127.0.0.1:1")
os.environ.setdefault("LIFECYCLE_DATA_URL", "memory:///lifecycle")
os.environ.setdefault("LIFECYCLE_STORE_URL", "postgresql+psycopg://127.0.0.1:1/lifecycle")
os.environ.setdefault("LIFECYCLE_MLFLOW_URI", "http://127.0.0.1:1")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let a worker of xdist run the tests of a file together, what takes long first.

    Other workers need not make the fixtures of the file as well, and none has a long test left
    when the others are done. The mark ``xdist_group`` names another group.
    """
    if not hasattr(config, "workerinput"):
        return
    sizes = Counter(item.path for item in items)
    items.sort(key=lambda item: (item.get_closest_marker("slow") is None, -sizes[item.path]))
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            name = item.path.relative_to(ROOT / "tests").with_suffix("").as_posix()
            item.add_marker(pytest.mark.xdist_group(name))


# The tests look at the first months; every node reads, types and checks what is there.
NEWEST_DAY = "2011-06-30"


@cache
def first_months() -> str:
    """The hourly table of the example until the end of June 2011, a quarter of it."""
    head, *rows = (ROOT / "data" / "01_raw" / "hour.csv").read_text("utf-8").splitlines(True)
    return head + "".join(row for row in rows if row.split(",")[1] <= NEWEST_DAY)


def make_project(folder: Path) -> Path:
    """Copy what a run needs, and the first months of the table; the code is the package."""
    shutil.copytree(ROOT / "conf", folder / "conf", ignore=shutil.ignore_patterns("local"))
    (folder / "conf" / "local").mkdir()
    shutil.copy(ROOT / "pyproject.toml", folder)
    (folder / "src").mkdir()
    raw = folder / "data" / "01_raw"
    raw.mkdir(parents=True)
    (raw / "hour.csv").write_text(first_months(), "utf-8", newline="")
    return folder


def copy_project(source: Path, folder: Path) -> Path:
    """Copy a project that has run, with all that MLflow knows of its place."""
    shutil.copytree(source, folder)
    relocate_project(folder, source)
    return folder


def relocate_project(folder: Path, source: Path) -> None:
    """Let MLflow's databases under a folder know it in the place of another one."""
    from regression_lifecycle.adapters.mlflow.relocation import move_artifacts

    for database in folder.glob("data/*/mlflow/mlflow.db"):
        move_artifacts(database, source.as_uri(), folder.as_uri())


def run_project(project: Path, env: str = "test", **kwargs: Any) -> None:
    """Run pipelines of a project as ``kedro run`` does, in this process."""
    from kedro.framework.startup import bootstrap_project

    from regression_lifecycle.runtime.session import LifecycleSession

    runtime_params = kwargs.pop("params", None)
    _OPENED.clear()
    bootstrap_project(project)
    with LifecycleSession.create(
        project_path=project, env=env, runtime_params=runtime_params
    ) as session:
        session.run(**kwargs)


# The newest catalog that a test opened, and of what: reading the configuration takes 0.3 s, and a
# test asks for one entry after the other.
_OPENED: list[tuple[Any, Any]] = []


def open_catalog(project: Path, env: str = "test") -> Any:
    """The catalog of a project; the same one as long as nothing ran and nothing was configured."""
    from kedro.framework.startup import bootstrap_project

    from regression_lifecycle.runtime.session import LifecycleSession

    files = [path for path in project.glob("conf/**/*") if path.is_file()]
    written = {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in files}
    asked = (project, env, Path.cwd(), written, dict(os.environ))
    for known, catalog in _OPENED:
        if known == asked:
            return catalog
    bootstrap_project(project)
    with LifecycleSession.create(project_path=project, env=env) as session:
        catalog = session.load_context().catalog
    # What MLflow is told of a project stands in the environment as well.
    _OPENED[:] = [((*asked[:-1], dict(os.environ)), catalog)]
    return catalog


@pytest.fixture(autouse=True, scope="session")
def _settings_are_read_once() -> Iterator[None]:
    """Let Kedro read its settings once per process, as a command does.

    It does so for every project that is opened, and Dynaconf looks at all modules each time.
    """
    from kedro.framework import project, startup

    configure = startup.configure_project

    def configure_once(package_name: str, **kwargs: Any) -> None:
        if package_name == project.PACKAGE_NAME:
            project.pipelines.configure(f"{package_name}.pipeline_registry")
        else:
            configure(package_name, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(startup, "configure_project", configure_once)
        yield


@pytest.fixture(autouse=True, scope="session")
def _yaml_is_parsed_once() -> Iterator[None]:
    """Let OmegaConf parse a text once per process: every project is a copy of the same files."""
    from omegaconf import OmegaConf

    load = OmegaConf.load
    parsed: dict[str, Any] = {}

    def load_once(file: Any) -> Any:
        if not isinstance(file, io.StringIO):
            return load(file)
        text = file.getvalue()
        if text not in parsed:
            parsed[text] = load(file)
        # Kedro replaces environment variables in what it is given.
        return copy.deepcopy(parsed[text]) if "oc.env" in text else parsed[text]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(OmegaConf, "load", staticmethod(load_once))
        yield


@pytest.fixture(autouse=True)
def _import_path_stays() -> Iterator[None]:
    """Take back what MLflow adds when it loads a model: the shipped part of this package."""
    before = list(sys.path)
    yield
    sys.path[:] = before
    _OPENED.clear()


@pytest.fixture
def in_folder(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], Path]:
    """Step into a folder for one test."""

    def step(folder: Path) -> Path:
        monkeypatch.chdir(folder)
        return folder

    return step


@pytest.fixture
def project(tmp_path: Path, in_folder: Callable[[Path], Path]) -> Path:
    """A project in which nothing has run yet."""
    return in_folder(make_project(tmp_path / "project"))


def built_once(factory: pytest.TempPathFactory, name: str, build: Callable[[Path], None]) -> Path:
    """Return a folder that the first test process in need of it builds, for all to read.

    Args:
        name: Of the folder, in the place that all test processes of the session share.
        build: Fills the folder, which does not exist yet.
    """
    from filelock import FileLock

    shared = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder, complete = shared / name, shared / f"{name}.complete"
    with FileLock(shared / f"{name}.lock"):
        if not complete.exists():
            shutil.rmtree(folder, ignore_errors=True)
            build(folder)
            complete.touch()
    return folder


@pytest.fixture(scope="session")
def finished_project_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project after one full cycle; shared, so tests must not change it."""

    def build(folder: Path) -> None:
        with chdir(make_project(folder)):
            run_project(folder)

    return built_once(tmp_path_factory, "finished_project", build)


@pytest.fixture
def finished_project(finished_project_once: Path, in_folder: Callable[[Path], Path]) -> Path:
    """The finished project as working folder, for reading only."""
    return in_folder(finished_project_once)


@pytest.fixture
def finished_copy(
    finished_project_once: Path, tmp_path: Path, in_folder: Callable[[Path], Path]
) -> Path:
    """A finished project of one's own."""
    return in_folder(copy_project(finished_project_once, tmp_path / "project"))


@pytest.fixture(scope="session")
def running_project_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose first tick, on 2011-03-05, made a champion; shared, not to be changed."""
    from tests.loop import tick

    def build(folder: Path) -> None:
        with chdir(make_project(folder)):
            tick(folder, "2011-03-05")

    return built_once(tmp_path_factory, "running_project", build)


@pytest.fixture
def running_project(
    running_project_once: Path, tmp_path: Path, in_folder: Callable[[Path], Path]
) -> Path:
    """A project of one's own in which the loop has begun."""
    return in_folder(copy_project(running_project_once, tmp_path / "project"))


@pytest.fixture(scope="session")
def promoted_project_once(
    running_project_once: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A project whose second tick promoted version 2; shared, not to be changed."""
    from tests.loop import PROMOTED_AT, PROMOTING, WITH_PAGES, tick

    def build(folder: Path) -> None:
        copy_project(running_project_once, folder)
        with chdir(folder):
            assert tick(folder, PROMOTED_AT, **PROMOTING, **WITH_PAGES) == 20

    return built_once(tmp_path_factory, "promoted_project", build)


@pytest.fixture(scope="module")
def experiment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The identifier of an experiment in an MLflow store that the tests of a file share."""
    from tests.tracking import tracking_store

    with tracking_store(tmp_path_factory, tmp_path_factory.mktemp("mlflow")) as identifier:
        yield identifier


@pytest.fixture
def run(experiment: str) -> Iterator[Any]:
    """An MLflow run at work in that experiment."""
    import mlflow

    with mlflow.start_run(experiment_id=experiment) as active:
        yield active


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Headless Chromium; for one module, since its event loop is in the way of others."""
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        pytest.skip(f"none of {', '.join(names)} is installed")
    sync_api = pytest.importorskip("playwright.sync_api")
    arguments = ("--no-sandbox", "--disable-gpu", "--no-first-run")
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=path, args=[*arguments, "--disable-background-networking"]
        )
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """URL of a real PostgreSQL; continuous integration does not do without."""
    from tests import postgres

    try:
        with postgres.server() as url:
            yield url
    except postgres.NoServerError as error:
        text = f"no PostgreSQL: {error}"
        if os.environ.get("CI"):
            pytest.fail(text)
        pytest.skip(text)


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """An empty place on PostgreSQL."""
    from tests import postgres

    with postgres.schema(postgres_server) as url:
        yield url


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets a minute pass in the store between one look at the time and the next."""
    import pandas as pd

    from regression_lifecycle.adapters.database import database

    class Clock:
        minutes = itertools.count(1)

        @classmethod
        def now(cls, zone: object) -> pd.Timestamp:
            return pd.Timestamp("2021-03-01", tz="UTC") + pd.Timedelta(minutes=next(cls.minutes))

    monkeypatch.setattr(database, "datetime", Clock)


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.xdist_group("postgres"))]
)
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty store in a database of each kind that the project knows."""
    if request.param == "postgresql":
        url: str = request.getfixturevalue("postgres_url")
        return url
    return f"sqlite:///{(tmp_path / 'new' / 'folder' / 'store.db').as_posix()}"
