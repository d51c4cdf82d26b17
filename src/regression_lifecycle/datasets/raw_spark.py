"""A raw table that Spark's workers read; the contract says what its values mean."""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, NoReturn

from kedro.io import AbstractDataset
from kedro.io.core import DatasetError, get_protocol_and_path

from regression_lifecycle.adapters.spark_session import get_session
from regression_lifecycle.core.errors import ConfigurationError, unknown_name
from regression_lifecycle.datasets.raw_csv import RawCSVDataset

_PARQUET = frozenset({".parquet", ".pq"})
# How a file is written, in the words of pandas and of Spark.
_OPTIONS = {
    "sep": "sep",
    "delimiter": "sep",
    "encoding": "encoding",
    "quotechar": "quote",
    "escapechar": "escape",
    "comment": "comment",
}
_LIKE_PANDAS = {
    "header": True,
    # A line of too few or too many values ends the run.
    "mode": "FAILFAST",
    # A quote inside of quotes is written twice.
    "escape": '"',
}


class RawSparkDataset(AbstractDataset[NoReturn, Any]):
    """One Parquet file or folder, or one CSV file of which every value is read as text.

    Example:
        .. code-block:: yaml

            raw_observations:
              type: regression_lifecycle.datasets.raw_spark.RawSparkDataset
              filepath: s3://bucket/hours.csv
              load_args: {sep: ";"}
              options: {multiLine: true}
    """

    def __init__(
        self,
        filepath: str,
        load_args: Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Describe the dataset; nothing is read yet.

        Args:
            filepath: ``.parquet`` or ``.pq``; anything else is a CSV file.
            load_args: How a CSV file is written, in the words of ``pandas.read_csv``.
            options: Of Spark's reader, in its own words. ``multiLine`` for line breaks inside of
                quotes; one worker reads the file then.
            metadata: For plugins such as Kedro-Viz.

        Raises:
            ConfigurationError: If Spark has no word for one of ``load_args``.
        """
        self._protocol, path = get_protocol_and_path(filepath)
        self._filepath = PurePosixPath(path)
        self._load_args = dict(load_args or {})
        self._options = dict(options or {})
        self.metadata = metadata
        for name in self._load_args:
            if name not in _OPTIONS:
                raise ConfigurationError(
                    f"raw_load_args: {unknown_name('argument of Spark', name, _OPTIONS)}. Read the "
                    "file by type regression_lifecycle.datasets.raw_csv.RawCSVDataset with a "
                    "chunksize, or convert it to Parquet"
                )

    def load(self) -> Any:
        """Give the file to Spark.

        Returns:
            A Spark frame; a missing value of a CSV file is the empty text.

        Raises:
            DataContractError: If the first line of a CSV file cannot be the names of its columns.
        """
        reader = get_session().read.options(**self._options)
        if self._filepath.suffix.lower() in _PARQUET:
            found = reader.parquet(self._url("s3a"))
            unnamed = [name for name in found.columns if re.fullmatch(r"__index_level_\d+__", name)]
            return found.drop(*unnamed)
        from pyspark.sql.types import StringType, StructField, StructType

        # The names as they are read everywhere else, with the same complaints.
        first = RawCSVDataset(filepath=self._url("s3"), load_args={**self._load_args, "nrows": 1})
        header: Any = first.load()
        schema = StructType([StructField(str(name), StringType()) for name in header.columns])
        given = {_OPTIONS[name]: value for name, value in self._load_args.items()}
        if "encoding" in given:
            # Java knows fewer of the names that one and the same encoding has.
            given["encoding"] = codecs.lookup(given["encoding"]).name
        reader = reader.schema(schema).options(**{**_LIKE_PANDAS, **given, **self._options})
        return reader.csv(self._url("s3a")).na.fill("")

    def save(self, data: NoReturn) -> NoReturn:
        """Refuse: the table is an input.

        Raises:
            DatasetError: Always.
        """
        raise DatasetError(f"{self._filepath} is an input and is not written")

    def _url(self, s3: str) -> str:
        """Return the address, with the name that a library has for S3."""
        protocol = s3 if self._protocol in ("s3", "s3a") else self._protocol
        return f"{protocol}://{self._filepath}"

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._url("s3"), "load_args": self._load_args}
