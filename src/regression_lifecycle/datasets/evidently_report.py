"""A catalog dataset for Evidently reports."""

from __future__ import annotations

import json
import os
import posixpath
import uuid
from contextlib import suppress
from copy import deepcopy
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import fsspec
from kedro.io.core import (
    AbstractVersionedDataset,
    DatasetError,
    Version,
    get_filepath_str,
    get_protocol_and_path,
)
from kedro_datasets._typing import HTMLPreview

if TYPE_CHECKING:
    from regression_lifecycle.adapters.evidently.library import Snapshot

SNAPSHOT, METRICS, PAGE = "snapshot.json.gz", "metrics.json", "report.html"
LIBRARY_FOLDER = "_evidently"
HTML_MODES = ("shared", "marked", "standalone", "none")


class EvidentlyReportDataset(AbstractVersionedDataset["Snapshot", "Snapshot"]):
    """``EvidentlyReportDataset`` saves an Evidently snapshot as a folder and loads it again.

    It uses an underlying filesystem (e.g. local, S3, GCS). The folder holds three files:

    - ``snapshot.json.gz``: the whole snapshot, which ``load`` gives back, with the version of
      Evidently that wrote it.
    - ``metrics.json``: its figures, drift verdicts and notes as small strict JSON (undefined
      numbers are null).
    - ``report.html``: the report to look at. It opens without a network, and text from the data
      can run nothing in it.

    A page needs 3.5 MB of JavaScript. By default the pages of one parent folder share one copy,
    ``<parent>/_evidently/<hash of its content>.js``; move or send a report together with that
    folder, or save it with ``html: standalone``.

    Of many reports only some are looked at: with ``html: marked`` a page is drawn for a snapshot
    whose metadata have ``page: "yes"``. The pages of the others can be drawn later from the stored
    snapshots, without computing anything again: load them, and save them through a second entry
    with the same path and ``html: shared``. Such a page stays until another snapshot is saved.

    Each file is written whole, the snapshot last, and a report exists as soon as its snapshot
    does: a save that fails while it renders or writes leaves the former report as it was.

    Examples:
        Using the [YAML API](https://docs.kedro.org/en/stable/catalog-data/data_catalog_yaml_examples/):

        ```yaml
        drift_report:
          type: regression_lifecycle.datasets.evidently_report.EvidentlyReportDataset
          filepath: data/08_reporting/drift_report
          versioned: true

        regression_report:
          type: regression_lifecycle.datasets.evidently_report.EvidentlyReportDataset
          filepath: s3://your_bucket/reports/regression_report
          html: standalone
          credentials: dev_s3

        window_reports:
          type: partitions.PartitionedDataset
          path: data/08_reporting/windows
          filename_suffix: /snapshot.json.gz
          dataset:
            type: regression_lifecycle.datasets.evidently_report.EvidentlyReportDataset
            html: marked
        ```

        Using the [Python API](https://docs.kedro.org/en/stable/catalog-data/advanced_data_catalog_usage/):

        >>> import pandas as pd
        >>> from evidently import Report
        >>> from evidently.metrics import MeanValue
        >>> from regression_lifecycle.datasets.evidently_report import EvidentlyReportDataset
        >>>
        >>> snapshot = Report([MeanValue(column="temp")]).run(pd.DataFrame({"temp": [0.2, 0.4]}))
        >>> dataset = EvidentlyReportDataset(filepath=str(tmp_path / "report"))
        >>> dataset.save(snapshot)
        >>> reloaded = dataset.load()
        >>> assert reloaded.dict() == snapshot.dict()

    """

    def __init__(
        self,
        *,
        filepath: str | os.PathLike[str],
        html: str = "shared",
        version: Version | None = None,
        credentials: dict[str, Any] | None = None,
        fs_args: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Creates a new instance pointing to the folder of one report on a specific filesystem.

        Args:
            filepath: Path in POSIX format to the folder of the report, prefixed with a protocol
                like ``s3://``. If a prefix is not provided, the local filesystem is used. The
                path of the ``snapshot.json.gz`` in it names the same report, which is what
                ``PartitionedDataset`` with ``filename_suffix: /snapshot.json.gz`` passes.
            html: ``shared`` for a page that shares its JavaScript with the other reports of the
                parent folder, ``marked`` for such a page where the snapshot's metadata have
                ``page: "yes"``, ``standalone`` for one that holds it (1.3 MB each), ``none`` for
                no page.
            version: If specified, should be an instance of ``kedro.io.core.Version``. If its
                ``load`` attribute is None, the latest version will be loaded. If its ``save``
                attribute is None, save version will be autogenerated.
            credentials: Credentials required to get access to the underlying filesystem.
            fs_args: Extra arguments to pass into the underlying filesystem class constructor, as
                well as to its `open` method through the nested keys `open_args_load` and
                `open_args_save`.
            metadata: Any arbitrary metadata. This is ignored by Kedro, but may be consumed by
                users or external plugins.

        Raises:
            DatasetError: If ``html`` is none of the four words.
        """
        if html not in HTML_MODES:
            raise DatasetError(f"html is '{html}'; allowed are {', '.join(HTML_MODES)}")
        _fs_args = deepcopy(fs_args) or {}
        self._open_args_load = _fs_args.pop("open_args_load", {})
        self._open_args_save = _fs_args.pop("open_args_save", {})
        protocol, path = get_protocol_and_path(filepath, version)
        if protocol == "file":
            _fs_args.setdefault("auto_mkdir", True)
        self._protocol = protocol
        self._fs = fsspec.filesystem(protocol, **(deepcopy(credentials) or {}), **_fs_args)
        self._html = html
        self.metadata = metadata
        folder = PurePosixPath(path)
        super().__init__(
            filepath=folder.parent if folder.name == SNAPSHOT else folder,
            version=version,
            # A folder left behind by a save that was killed is no version.
            exists_function=self._holds_report,
            glob_function=self._fs.glob,
        )

    def load(self) -> Snapshot:
        """Read the snapshot back.

        Returns:
            The snapshot, which can be rendered and asked for its figures again.
        """
        from regression_lifecycle.adapters.evidently import load_snapshot

        return load_snapshot(self._read(SNAPSHOT))

    def save(self, data: Snapshot) -> None:
        """Write the snapshot, its figures and its page.

        Args:
            data: A report that has run.
        """
        from regression_lifecycle.adapters.evidently import dump_snapshot, safe_html, summary

        folder = get_filepath_str(self._get_save_path(), self._protocol)
        # All that can fail for the data's sake comes before the first byte is written.
        facts = summary(data)
        files = {METRICS: _json(facts), SNAPSHOT: dump_snapshot(data)}
        if self._html == "standalone":
            files = {PAGE: safe_html(data).encode(), **files}
        elif self.draws_page(data):
            files = {PAGE: safe_html(data, self._share_library(folder)).encode(), **files}
        outdated = PAGE not in files and not self._keeps_page(folder, files[SNAPSHOT])
        self._write(folder, files)
        if outdated and self._fs.exists(f"{folder}/{PAGE}"):
            self._fs.rm_file(f"{folder}/{PAGE}")
        self._invalidate_cache()

    def draws_page(self, data: Snapshot) -> bool:
        """Return whether a page is drawn for a snapshot."""
        if self._html == "marked":
            return bool(data.to_snapshot_model().metadata.get("page") == "yes")
        return self._html != "none"

    def preview(self, nrows: int = 30) -> HTMLPreview:
        """Summarise the saved report for Kedro-Viz: verdicts, main figures and notes.

        Args:
            nrows: How many columns, figures and notes are listed at most.

        Returns:
            Markdown; a sentence if there is no report yet.
        """
        from regression_lifecycle.adapters.evidently import summary_markdown

        if not self._exists():
            return HTMLPreview("No report has been saved yet.")
        return HTMLPreview(summary_markdown(json.loads(self._read(METRICS)), nrows))

    def _describe(self) -> dict[str, Any]:
        return {
            "filepath": self._filepath,
            "protocol": self._protocol,
            "html": self._html,
            "version": self._version,
        }

    def _exists(self) -> bool:
        try:
            folder = get_filepath_str(self._get_load_path(), self._protocol)
        except DatasetError:
            return False
        return self._holds_report(folder)

    def _holds_report(self, folder: str) -> bool:
        return bool(self._fs.exists(f"{folder}/{SNAPSHOT}"))

    def _release(self) -> None:
        super()._release()
        self._invalidate_cache()

    def _invalidate_cache(self) -> None:
        self._fs.invalidate_cache(get_filepath_str(self._filepath, self._protocol))

    def _read(self, name: str) -> bytes:
        folder = get_filepath_str(self._get_load_path(), self._protocol)
        with self._fs.open(f"{folder}/{name}", mode="rb", **self._open_args_load) as file:
            content: bytes = file.read()
        return content

    def _keeps_page(self, folder: str, snapshot: bytes) -> bool:
        """Say whether a page that was drawn later shows the very snapshot that is being saved."""
        path = f"{folder}/{SNAPSHOT}"
        if self._html != "marked" or not self._fs.exists(path):
            return False
        with self._fs.open(path, mode="rb", **self._open_args_load) as file:
            return bool(file.read() == snapshot)

    def _share_library(self, folder: str) -> str:
        """Put the library beside the reports unless it is there, and say how a page reaches it."""
        from regression_lifecycle.adapters.evidently import library_code, library_name

        parent = get_filepath_str(self._filepath.parent / LIBRARY_FOLDER, self._protocol)
        path = f"{parent}/{library_name()}"
        code = library_code()
        if not self._fs.exists(path) or self._fs.size(path) != len(code):
            self._write(parent, {library_name(): code})
        return posixpath.relpath(path, folder)

    def _write(self, folder: str, files: dict[str, bytes]) -> None:
        """Write the files of a folder in their order, each of them whole or not at all."""
        if self._protocol != "file":
            # An object store shows an object when its upload is complete.
            for name, content in files.items():
                self._put(f"{folder}/{name}", content)
            return
        mark = f".{uuid.uuid4().hex}.tmp"
        is_new = not Path(folder).is_dir()
        try:
            for name, content in files.items():
                self._put(f"{folder}/{name}{mark}", content)
            for name in files:
                Path(folder, name + mark).replace(Path(folder, name))
        except BaseException:
            _tidy(Path(folder), [name + mark for name in files], is_new)
            raise

    def _put(self, path: str, content: bytes) -> None:
        with self._fs.open(path, mode="wb", **self._open_args_save) as file:
            file.write(content)


def _tidy(folder: Path, names: list[str], is_new: bool) -> None:
    """Remove what a failed save left, as far as the disk allows."""
    for name in names:
        with suppress(OSError):
            (folder / name).unlink()
    if is_new:
        with suppress(OSError):
            folder.rmdir()


def _json(data: dict[str, Any]) -> bytes:
    return (json.dumps(data, indent=1, allow_nan=False) + "\n").encode()
