"""The configuration loader: environments laid over one another, and resolved once."""

from __future__ import annotations

import copy
import getpass
import io
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from kedro.config import OmegaConfigLoader
from kedro.utils import find_kedro_project
from omegaconf import DictConfig, Node, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import ValidationError
from yaml import MarkedYAMLError, YAMLError

from regression_lifecycle.adapters.database import check_url
from regression_lifecycle.core.data.defaults import derive_defaults
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.errors import ConfigurationError, bounded_list, unknown_name
from regression_lifecycle.core.features.specifications import FeatureRecipe
from regression_lifecycle.core.scrubbing import remember_credentials
from regression_lifecycle.runtime.tracking_server import give_login

SOURCE_ROOT = Path(__file__).resolve().parents[3]
EXTENDS = "extends"
LOCAL = "local"
CREDENTIALS = "credentials"
# What a later environment replaces by entry instead of key by key.
_BY_ENTRY = frozenset({"catalog", CREDENTIALS})
_DERIVED = re.compile(r"\$\{derived:(\w+)\}")


class _SaidByOne(NamedTuple):
    """What at most one of the environments may say, or all that say it in one way.

    Attributes:
        what: What those are called that say it.
        kind: The kind of files in which it stands.
        place: The place in these.
        why: What each of them does.
        by_overlays: Whether a folder that describes a table may say it besides; then later wins.
    """

    what: str
    kind: str
    place: tuple[str, ...]
    why: str
    by_overlays: bool


_SAID_BY_ONE = (
    _SaidByOne(
        "engines",
        "catalog",
        ("observations", "type"),
        "each keeps observations in its own way in its catalog",
        by_overlays=False,
    ),
    _SaidByOne(
        "backends",
        "parameters",
        ("training", "compute", "backend"),
        "each fits models elsewhere, by training.compute.backend",
        by_overlays=True,
    ),
)
Layer = dict[Path, dict[str, Any]]
# Parsing takes longer than reading, and a tick has several loaders: what was written in a folder,
# and what it says.
_PARSED: dict[tuple[str, tuple[str, ...]], tuple[dict[Path, bytes] | None, Layer]] = {}


class LifecycleConfigLoader(OmegaConfigLoader):
    """Lays environments over ``conf/base`` from left to right: ``--env=bike_daily,production``.

    Exactly one of them describes a table (its parameters hold ``problem.target``). One that builds
    on another says so by ``extends`` in its ``globals.yml``. Later wins, key by key; an entry of
    the catalog is replaced as a whole, and so is an object that names its ``class`` or another
    ``kind``, since parameters of two classes make no sense together. ``--params`` come last. Only
    then is everything resolved, so that base may use what a later environment says:

    * ``${globals:name}``; inside ``globals.yml`` itself ``${name}``
    * ``${derived:name}``: what follows from the table (``core/data/defaults.py``)
    * ``${parameter:name}``: a section of the parameters, for the catalog
    * ``${table:}``: name of the folder that describes the table
    * ``${environment:}``: what ``--env`` has to say for this configuration; empty for the default
    * ``${root:path}``: an absolute path inside the project
    * ``${store:}``: URL of the database; by default a SQLite file in the local folder
    * ``${env:NAME}``, ``${env:NAME,default}``, ``${required:NAME,meaning}``: environment variables;
      all that are missing from a kind of files are named at once
    * ``${user:}``: the account that runs the command

    Attributes:
        is_step: Whether the run is a step of a command that says itself what all steps share.
    """

    is_step = False

    def __init__(self, conf_source: str | Path, *args: Any, **kwargs: Any) -> None:
        """Take what Kedro's loader takes.

        Args:
            conf_source: The configuration folder or archive.
            *args: Handed on.
            **kwargs: Handed on.
        """
        self._known: dict[str, dict[str, Any]] = {}
        self._layers: dict[tuple[str, str], Layer] = {}
        self._written: dict[str, dict[Path, bytes] | None] = {}
        self._depth = 0
        self._missing: dict[str, str] = {}
        self.typed_sections: dict[str, Any] = {}
        """Typed models of the parameters' sections that were read already."""
        source = Path(conf_source)
        # A packaged configuration lies outside of any project; then the working one counts.
        self._root = (
            source.parent.resolve()
            if source.is_dir()
            else (find_kedro_project(Path.cwd()) or SOURCE_ROOT)
        )
        super().__init__(conf_source, *args, **kwargs)

    def __getitem__(self, key: str) -> dict[str, Any]:
        """Read one kind of configuration, as Kedro's loader does, but only once.

        A run asks for the parameters a dozen times, and reading them takes a third of a second.

        Args:
            key: For example ``catalog``.

        Returns:
            The configuration.

        Raises:
            ConfigurationError: If an environment is unknown, none or two describe a table, or
                environment variables are missing.
        """
        # Resolvers belong to the process and not to a loader: the last loader that was asked
        # must be the one that answers, or a second project would be given the first one's paths.
        resolvers: dict[str, Callable[..., Any]] = {
            "root": lambda path="": (self._root / path).as_posix(),
            "parameter": lambda name: self["parameters"][name],
            "derived": self._derived,
            "table": lambda _="": self.table,
            "environment": lambda _="": self.named_environment,
            "store": lambda _="": self.store_url,
            "user": _account,
            "env": self._variable,
            "required": self._address,
        }
        for name, resolver in resolvers.items():
            OmegaConf.register_new_resolver(name, resolver, replace=True)
        if key not in self._known:
            # OmegaConf would bury what is wrong with the environments under its own error.
            assert self.folders
            found = self._complete(key)
            if key == CREDENTIALS:
                remember_credentials(found)
            self._known[key] = give_login(found) if key == "mlflow" else found
        # Kedro changes what it is given.
        return copy.deepcopy(self._known[key])

    @cached_property
    def folders(self) -> tuple[str, ...]:
        """The environments that are laid over base, in order.

        Raises:
            ConfigurationError: If one is unknown, not exactly one of them describes a table, or two
                are engines or backends.
        """
        named = [name.strip() for name in str(self.env or self.default_run_env).split(",")]
        known = self._environments()
        unknown = [name for name in named if name not in (*known, LOCAL)]
        if unknown:
            raise ConfigurationError(
                "\n".join(f"  {unknown_name('environment', name, known)}" for name in unknown)
            )
        chosen: list[str] = []
        for name in named:
            if name in known:
                chosen += [part for part in self._with_what_it_extends(name) if part not in chosen]
        for said in _SAID_BY_ONE:
            self._require_one([name for name in named if name in known], said)
        tables = [name for name in chosen if self._describes_a_table(name)]
        if len(tables) == 1:
            return tuple(chosen)
        if tables:
            raise ConfigurationError(
                f"  --env={','.join(named)} names {len(tables)} tables: {bounded_list(tables)}; "
                "name one of them"
            )
        possible = self._tables()
        first = next(iter(possible), "mine")
        raise ConfigurationError(
            f"  --env={','.join(named)} names no table; put one first, such as "
            f"--env={','.join([first, *(name for name in named if name != self.base_env)])}. "
            f"Folders that describe a table: {bounded_list(possible)}"
        )

    def _require_one(self, named: list[str], said: _SaidByOne) -> None:
        """Refuse two environments of which one would silently undo what the other is for."""
        found: dict[str, str] = {}
        for name in named:
            folders = [*self._with_what_it_extends(name)]
            if said.by_overlays and any(map(self._describes_a_table, folders)):
                continue
            values = [
                value
                for folder in folders
                for content in self._layer(folder, said.kind).values()
                if (value := _look_up(content, said.place)) is not None
            ]
            # Of an engine and what builds on it the latter counts; a folder may also say more of
            # the same engine.
            if values:
                found.setdefault(str(values[-1]), name)
        if len(found) > 1:
            first, *others = found.values()
            rest = [name for name in named if name not in others]
            if not any(map(self._describes_a_table, rest)):
                rest = [*self._tables()[:1], *rest]
            raise ConfigurationError(
                f"  --env={','.join(named)} names {len(found)} {said.what}: "
                f"{bounded_list([first, *others])} ({said.why}); name one of them, such as "
                f"--env={','.join(rest)}"
            )

    def _tables(self) -> list[str]:
        return [name for name in self._environments() if self._describes_a_table(name)]

    @property
    def named_environment(self) -> str:
        """What ``--env`` has to say for this configuration; empty for the default."""
        return "" if self.env in (None, "", self.default_run_env) else str(self.env)

    @cached_property
    def table(self) -> str:
        """Name of the folder that describes the table."""
        return next(name for name in self.folders if self._describes_a_table(name))

    @cached_property
    def derived(self) -> dict[str, Any]:
        """What follows from the table; empty if its description is wrong, which is told later."""
        written = self._folded("parameters").get("problem")
        if not isinstance(written, dict):
            return {}
        # What is derived from the description cannot be a part of it.
        said = {key: value for key, value in written.items() if not _DERIVED.search(str(value))}
        parts = OmegaConf.create({"problem": said, "features": self._written_features()})
        described: Any = OmegaConf.to_container(parts, resolve=True)
        try:
            problem = Problem.model_validate(described["problem"])
        except ValidationError:
            return {}
        if described["features"] is None:
            return derive_defaults(problem)
        try:
            recipe = FeatureRecipe.model_validate({"features": described["features"]})
        except ValidationError:
            return derive_defaults(problem)
        return derive_defaults(problem, recipe.feature_names)

    def _derived(self, name: str, *, _node_: Node) -> Any:
        place = _node_._get_full_key(None)
        if place.startswith("problem.") and place != "problem.label_deadline":
            raise ConfigurationError(
                f"${{derived:{name}}} follows from the section problem and cannot be a part of it; "
                "write a value"
            )
        # Nothing is derived from a description that is wrong.
        if self.derived and name not in self.derived:
            raise ConfigurationError(unknown_name("derived value", name, self.derived, 40))
        return self.derived.get(name)

    def _written_features(self) -> list[Any] | None:
        """Return the features that somebody wrote; None where they are derived."""
        preprocessing = self._folded("parameters").get("preprocessing")
        found = preprocessing.get("features") if isinstance(preprocessing, dict) else None
        return found if isinstance(found, list) else None

    @property
    def derived_parameters(self) -> dict[str, Any]:
        """The derived values that are in effect, by dotted parameter."""
        written = dict(leaves(self._folded("parameters")))
        names = {key: _DERIVED.fullmatch(str(value)) for key, value in written.items()}
        return {key: self.derived.get(found[1]) for key, found in names.items() if found}

    @cached_property
    def configured_parameters(self) -> set[str]:
        """Names of the sections that stand in files."""
        return {name for _, _, content in self.written("parameters") for name in content}

    @property
    def local_folder(self) -> Path:
        """Folder on a disk of this machine: the lock, the spool, a SQLite database.

        Raises:
            ConfigurationError: If it is on no disk, or no SQLite database can be in it.
        """
        named = str(self["globals"].get("local_folder") or "data")
        if "://" in named:
            raise ConfigurationError(
                f"  the workspace {named} is on no disk of this machine, so globals.yml has to "
                "name a local_folder for what cannot be elsewhere: the lock and the spool"
            )
        folder = self._root / named
        if "?" in str(folder) or "%" in str(folder):
            raise ConfigurationError(
                f"  the folder {folder} has a '?' or '%' in its name. The URL of a SQLite database "
                "cannot say that, and the database would be made elsewhere; rename the folder, or "
                "name another local_folder in globals.yml"
            )
        return folder

    @property
    def store_url(self) -> str:
        """SQLAlchemy URL of the database that holds the tables of the memory.

        Raises:
            ConfigurationError: If what is configured is no such URL.
        """
        named = self["globals"].get("store")
        if named:
            check_url(str(named))
        return str(named or f"sqlite:///{(self.local_folder / 'lifecycle.db').as_posix()}")

    def check_addresses(self) -> None:
        """Refuse addresses that cannot be meant, before anything is opened.

        Raises:
            ConfigurationError: As :attr:`local_folder` and :attr:`store_url` do.
        """
        assert self.local_folder
        assert self.store_url

    def written(self, kind: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Walk the files of one kind, base first.

        Args:
            kind: For example ``catalog``.

        Yields:
            The folder, the file's path from the configuration folder on, and what it says.
        """
        for folder in (self.base_env, *self.folders):
            for path, content in self._layer(folder, kind).items():
                yield folder, f"conf/{folder}/{path.name}", content

    def unread_files(self) -> Iterator[str]:
        """Walk the files that no pattern matches, from the configuration folder on."""
        for folder in (self.base_env, *self.folders):
            path = self._get_conf_env_path(folder)
            patterns = [
                "logging*",
                *(one for each in self.config_patterns.values() for one in each),
            ]
            read = {
                file for one in patterns for file in self._fs.glob(f"{Path(path).as_posix()}/{one}")
            }
            for file in self._files(path):
                if file not in read:
                    yield f"conf/{folder}/{PurePosixPath(file).name}"

    def texts(self) -> Iterator[str]:
        """Walk what is written in the files, as text."""
        for folder in (self.base_env, *self.folders):
            for file in self._files(self._get_conf_env_path(folder)):
                yield self._fs.cat_file(file).decode("utf-8", "replace")

    def _files(self, path: str) -> list[str]:
        found = sorted(self._fs.find(Path(path).as_posix()))
        return [
            file
            for file in found
            if self._is_valid_config_path(Path(file)) and not self._is_hidden(file)
        ]

    def origin(self, key: str, kind: str = "parameters") -> str:
        """Find the file that says a parameter, or something else.

        Args:
            key: Dotted, such as ``evaluation.gate.minimum_rows``.
            kind: The kind of files, for example ``mlflow``.

        Returns:
            ``--params``, or the file's path from the configuration folder on; empty if none has
            it.
        """
        if kind == "parameters" and _holds(self.runtime_params or {}, key.split(".")):
            return "--params"
        for folder in reversed((self.base_env, *self.folders)):
            for path, content in self._layer(folder, kind).items():
                if _holds(content, key.split(".")):
                    return f"conf/{folder}/{path.name}"
        return ""

    def _read_raw_config(
        self, key: str
    ) -> tuple[dict[Path, DictConfig], dict[Path, DictConfig], str, str, set[Path]]:
        folded = self._folded(key)
        base = self._get_conf_env_path(self.base_env)
        files = {
            path for folder in (self.base_env, *self.folders) for path in self._layer(folder, key)
        }
        # One file for all: what Kedro resolves is folded already.
        config = {Path(base): OmegaConf.create(folded)} if files else {}
        return config, {}, base, base, files

    def _merge_and_resolve(self, key: str, config_per_file: dict[Path, Any]) -> dict[str, Any]:
        if key == "parameters" and config_per_file:
            (config,) = config_per_file.values()  # --params are folded in
            found: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
            return found
        merged: dict[str, Any] = super()._merge_and_resolve(key, config_per_file)
        return merged

    def _folded(self, key: str) -> dict[str, Any]:
        folded: dict[str, Any] = {}
        for folder in (self.base_env, *self.folders):
            for content in self._layer(folder, key).values():
                folded = {**folded, **content} if key in _BY_ENTRY else overlay(folded, content)
        if key == "parameters":
            return overlay(folded, self.runtime_params or {})
        if key == "globals":
            folded.pop(EXTENDS, None)
        return folded

    def _layer(self, folder: str, key: str) -> Layer:
        """Read one kind of files of one folder, as they are written; it is never changed."""
        if (folder, key) not in self._layers:
            path, patterns = self._get_conf_env_path(folder), tuple(self.config_patterns[key])
            # Credentials are resolved while they are read, by what the environment says now.
            written = None if key == CREDENTIALS else self._written_in(path)
            known = _PARSED.get((path, patterns))
            if known is None or written is None or known[0] != written:
                known = written, self._parse(path, patterns, key)
            if written is not None:
                _PARSED[path, patterns] = known
            self._layers[folder, key] = known[1]
        return self._layers[folder, key]

    def _parse(self, path: str, patterns: Iterable[str], key: str) -> Layer:
        try:
            raw = self._read_dir_configs(path, [*patterns], key, set(), key == CREDENTIALS)
        # A list in place of names is an AttributeError there, a name in two files a ValueError.
        except (YAMLError, AttributeError, ValueError, OSError) as error:
            found = [(file, _mistake_in(self._fs.cat_file(file))) for file in self._files(path)]
            folder = PurePosixPath(Path(path).as_posix()).name
            lines = [
                f"  conf/{folder}/{PurePosixPath(file).name}, {mistake}"
                for file, mistake in found
                if mistake
            ]
            if not lines and type(error) is not ValueError:
                raise
            raise ConfigurationError("\n".join(lines) or f"  {error}") from error
        return {
            file: OmegaConf.to_container(content, resolve=False)  # type: ignore[misc]
            for file, content in sorted(raw.items())
        }

    def _written_in(self, path: str) -> dict[Path, bytes] | None:
        """Read what is written in a folder on a disk, to know whether it is known already."""
        if path not in self._written:
            folder = Path(path)
            is_local = self._protocol == "file" and folder.is_dir()
            files = sorted(file for file in folder.rglob("*") if file.is_file()) if is_local else []
            self._written[path] = {file: file.read_bytes() for file in files} if is_local else None
        return self._written[path]

    def _environments(self) -> list[str]:
        """Name the folders of the configuration, except base."""
        base = PurePosixPath(Path(self._get_conf_env_path(self.base_env)).as_posix())
        found = self._fs.ls(base.parent.as_posix(), detail=True)
        names = {PurePosixPath(item["name"]).name for item in found if item["type"] == "directory"}
        return sorted(name for name in names - {self.base_env} if not name.startswith((".", "_")))

    def _describes_a_table(self, folder: str) -> bool:
        return any(
            _holds(content, ["problem", "target"])
            for content in self._layer(folder, "parameters").values()
        )

    def _with_what_it_extends(self, folder: str, seen: tuple[str, ...] = ()) -> Iterator[str]:
        for content in self._layer(folder, "globals").values():
            other = content.get(EXTENDS)
            if other is None:
                continue
            known = self._environments()
            if other not in known:
                raise ConfigurationError(
                    f"  conf/{folder}/globals.yml: extends: "
                    f"{unknown_name('environment', other, known)}"
                )
            if other in (*seen, folder):
                raise ConfigurationError(
                    f"  conf/{folder}/globals.yml: extends: '{other}' extends '{folder}' itself"
                )
            yield from self._with_what_it_extends(other, (*seen, folder))
        yield folder

    def _complete(self, key: str) -> dict[str, Any]:
        """Read one kind of configuration, and say at once which variables it misses."""
        self._depth += 1
        try:
            found: dict[str, Any] = super().__getitem__(key)
        except OmegaConfBaseException as error:
            raise ConfigurationError(self._unresolved(key, error)) from error
        finally:
            self._depth -= 1
        # Inside of a resolver, which reads the parameters for the catalog, OmegaConf would bury
        # the error under its own.
        if self._missing and not self._depth:
            missing, self._missing = self._missing, {}
            raise ConfigurationError(
                "\n".join(
                    f"  the environment variable {name} is not set: {meaning}"
                    for name, meaning in missing.items()
                )
            )
        return found

    def _unresolved(self, key: str, error: OmegaConfBaseException) -> str:
        """Say which ``${...}`` stands for nothing."""
        place = error.full_key or key
        text = str(error.msg).splitlines()[0].rpartition("resolving interpolation: ")[2]
        name = re.match("Globals key '(.+?)' not found", text)
        if name and key != "globals":
            text = unknown_name("name in globals.yml", name[1], self["globals"])
        file = self.origin(place, key)
        return f"  {place}: {text}{f' ({file})' if file else ''}"

    def _variable(self, name: str, default: str | None = None) -> str:
        value = os.environ.get(name, "") or default
        if value is None:
            self._missing.setdefault(name, "this configuration needs it")
            return ""
        return value

    def _address(self, name: str, meaning: str) -> str:
        if not os.environ.get(name):
            self._missing[name] = meaning
        # What is added to it begins with a slash.
        return os.environ.get(name, "").rstrip("/")


def leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Walk a configuration.

    Args:
        value: Mappings inside of mappings.
        name: Dotted name of ``value`` itself.

    Yields:
        The dotted name and the value of everything that is no mapping, or an empty one.
    """
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from leaves(inner, f"{name}.{key}" if name else str(key))
    else:
        yield name, value


def _mistake_in(written: bytes) -> str:
    """Find what keeps a file from being read; empty if nothing does."""
    try:
        content = OmegaConf.load(io.StringIO(written.decode("utf8")))
    except UnicodeDecodeError as error:
        return f"line {written[: error.start].count(10) + 1}: save the file as UTF-8"
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        is_tab = "cannot start any token" in str(error.problem) and b"\t" in written
        hint = "; indent by blanks in place of tabs" if is_tab else ""
        hint = "; leave one of the two out" if "duplicate key" in str(error.problem) else hint
        return f"line {mark.line + 1 if mark else 1}: {error.problem}{hint}"
    except OSError:
        content = None
    return "" if isinstance(content, DictConfig) else "line 1: write `name: value`, not a list"


def _account(_: str = "") -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        return "unknown"


def overlay(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Lay one configuration over another: later wins, key by key."""
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        if isinstance(old, dict) and isinstance(value, dict) and not _replaces(old, value):
            merged[key] = overlay(old, value)
        else:
            merged[key] = value
    return merged


def _replaces(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    # Parameters of two classes or of two kinds make no sense together.
    return isinstance(new.get("class"), str) or (
        "kind" in new and "kind" in old and new["kind"] != old["kind"]
    )


def _look_up(content: Any, place: Iterable[str]) -> Any:
    for part in place:
        content = content.get(part) if isinstance(content, Mapping) else None
    return content


def _holds(content: Any, parts: list[str]) -> bool:
    for part in parts:
        if not isinstance(content, Mapping) or part not in content:
            return False
        content = content[part]
    return True
