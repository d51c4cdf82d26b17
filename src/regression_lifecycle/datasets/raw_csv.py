"""A CSV table as it is written: every value is text, and the contract says what it means."""

from __future__ import annotations

import copy
import gzip
import inspect
import json
import logging
import lzma
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, NoReturn

import pandas as pd
from kedro.io.core import DatasetError, get_filepath_str
from kedro_datasets.pandas import CSVDataset

from regression_lifecycle.core.errors import (
    ConfigurationError,
    DataContractError,
    bounded_list,
    unknown_name,
)
from regression_lifecycle.datasets.raw_pieces import RawPieces

LOGGER = logging.getLogger(__name__)
_COMPRESSED = frozenset({".gz", ".bz2", ".zip", ".xz", ".zst", ".tar"})

# Arguments by which pandas would decide what a value means, and what says so instead.
_DECIDED_BY_THE_CONTRACT = {
    **dict.fromkeys(("dtype", "converters", "dtype_backend", "low_memory"), "type"),
    **dict.fromkeys(("na_values", "keep_default_na", "na_filter"), "missing_values"),
    **dict.fromkeys(("decimal", "thousands", "date_format", "dayfirst", "parse_dates"), "format"),
    "true_values": "true_values",
    "false_values": "false_values",
}

# What a compressed file raises that was cut or damaged.
_CUT = (
    *(EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError),
    *(zipfile.BadZipFile, tarfile.TarError),
)
# What reading a file raises that is no CSV file.
UNREADABLE = (ValueError, OSError, *_CUT)
# By a local disk or an object store.
_STATE = ("size", "mtime", "ino", "ETag", "LastModified", "generation")

_KNOWN = frozenset(inspect.signature(pd.read_csv).parameters) - {"filepath_or_buffer", "chunksize"}


class RawCSVDataset(CSVDataset):
    """One CSV file, locally or on an object store, of which nothing is guessed.

    Example:
        .. code-block:: yaml

            raw_observations:
              type: regression_lifecycle.datasets.raw_csv.RawCSVDataset
              filepath: data/01_raw/sales.csv.gz
              load_args: {sep: ";", encoding: latin-1}
    """

    def __init__(
        self,
        *,
        load_args: dict[str, Any] | None = None,
        chunksize: int | None = None,
        **kwargs: Any,
    ) -> None:
        """Describe the dataset; nothing is read yet.

        Args:
            load_args: What ``pandas.read_csv`` takes on how the file is written: ``sep``,
                ``encoding``, ``quotechar``, ``skiprows``, ``names``, ``compression`` and others.
            chunksize: Most rows of a piece; None to read the table at once.
            **kwargs: What ``pandas.CSVDataset`` takes.

        Raises:
            ConfigurationError: If pandas has no such argument, or it says what values mean.
        """
        given = load_args or {}
        for name in given:
            if name not in _KNOWN:
                raise ConfigurationError(f"raw_load_args: {unknown_name('key', name, _KNOWN)}")
            if name in _DECIDED_BY_THE_CONTRACT:
                raise ConfigurationError(
                    f"raw_load_args: '{name}' would change values while they are read; declare "
                    f"'{_DECIDED_BY_THE_CONTRACT[name]}' of the column in problem.columns instead"
                )
        pieces = {} if chunksize is None else {"chunksize": chunksize}
        text = {"dtype": "str", "keep_default_na": False}
        super().__init__(load_args={**given, **pieces, **text}, **kwargs)

    def load(self) -> pd.DataFrame | RawPieces:
        """Read the file.

        Returns:
            Its rows as text, an empty value as the empty text; pieces of them where a ``chunksize``
            is given.

        Raises:
            DataContractError: If the file is empty, no CSV file, or written to meanwhile.
        """
        before = self._state()
        with self._in_words():
            found = super().load()
        self._warn_of_a_cut()
        if isinstance(found, pd.DataFrame):
            self._check_header(found)
            self._refuse_change(before)
            return found
        return RawPieces(self._pieces(found, before), partial(self._pieces_again, before))

    def _warn_of_a_cut(self) -> None:
        """Warn if the last line does not end: its last number may be a part of what it was."""
        how = {"compression", "lineterminator"} & set(self._load_args)
        if how or self._filepath.suffix.lower() in _COMPRESSED:
            # What is compressed has an end of its own.
            return
        path = get_filepath_str(self._get_load_path(), self._protocol)
        with self._fs.open(path, "rb") as file:
            file.seek(max(0, file.seek(0, 2) - 2))
            end = file.read()
        if not {*b"\r\n"} & {*end}:
            LOGGER.warning(
                "The last line of %s does not end with a line break; if the file was cut while it "
                "was written or copied, its last value is wrong",
                self._filepath.name,
            )

    def _pieces(self, pieces: Any, before: Mapping[str, Any]) -> Iterator[pd.DataFrame]:
        with self._in_words(), pieces:
            for number, piece in enumerate(pieces):
                if not number:
                    self._check_header(piece)
                yield piece
        self._refuse_change(before)

    def _pieces_again(self, before: Mapping[str, Any]) -> Iterator[pd.DataFrame]:
        if self._state() != before:
            raise DataContractError(
                f"{self._filepath.name} is another file than when its first row was read, so "
                "nothing of it was taken. Run again"
            )
        with self._in_words():
            found = super().load()
        yield from self._pieces(found, before)

    def _state(self) -> dict[str, Any]:
        """What changes when somebody writes to the file."""
        self._fs.invalidate_cache()
        path = self._fs._strip_protocol(str(self._get_load_path()))
        info = self._fs.info(path) if self._fs.exists(path) else {}
        return {name: info.get(name) for name in _STATE}

    def _refuse_change(self, before: Mapping[str, Any]) -> None:
        """Refuse what may be half of an old and half of a new file."""
        after = self._state()
        # Another file in its place is no matter: the one that was open was read to its end.
        if after != before and after["ino"] == before["ino"]:
            raise DataContractError(
                f"{self._filepath.name} was written to while it was read, so nothing of it was "
                "taken. Run again; write the new file under another name and rename it, then "
                "nobody sees half of it"
            )

    def _check_header(self, found: pd.DataFrame) -> None:
        """Refuse a first line that pandas reads as something else than was meant."""
        columns = found.columns
        first, name = str(columns[0]), self._filepath.name
        if first.startswith("PK\x03\x04"):
            raise DataContractError(f"{name} is an Excel or zip file; save it as CSV or Parquet")
        separator = next((sign for sign in ";|\t" if sign in first), None)
        if len(columns) == 1 and separator and "sep" not in self._load_args:
            raise DataContractError(
                f"the columns of {name} are separated by {separator!r}; say so in globals.yml, by "
                f"raw_load_args: {{sep: {json.dumps(separator)}}}"
            )

        def read(arguments: dict[str, Any]) -> pd.DataFrame:
            line = copy.copy(self)
            line._load_args = arguments
            return CSVDataset.load(line)

        refuse_renamed(found, self._load_args, name, read)

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except (DatasetError, *UNREADABLE) as error:
            cause = error.__cause__ if isinstance(error, DatasetError) else error
            if isinstance(cause, pd.errors.EmptyDataError):
                wrong = "is empty; it needs a first line with the names of the columns"
            elif isinstance(cause, _CUT):
                wrong = f"ends in the middle or is damaged ({cause}); copy it anew"
            elif isinstance(cause, ValueError):
                wrong = (
                    f"cannot be read as a CSV file ({str(cause).strip()}); say how it is written "
                    f"by raw_load_args in globals.yml, such as {_likely(cause)}, or save it anew"
                )
            elif isinstance(cause, OSError) and cause.errno is None:
                # What bz2 says; what has a number is the fault of a disk, a right or a network.
                wrong = f"cannot be unpacked ({cause}); copy it anew"
            else:
                raise
            raise DataContractError(f"{self._filepath.name} {wrong}") from None

    def save(self, data: NoReturn) -> NoReturn:
        """Refuse: the table is an input.

        Raises:
            DatasetError: Always.
        """
        raise DatasetError(f"{self._filepath} is an input and is not written")


def refuse_renamed(
    found: pd.DataFrame,
    load_args: Mapping[str, Any],
    name: str,
    read: Callable[[dict[str, Any]], pd.DataFrame],
) -> None:
    """Refuse a CSV file whose columns pandas calls otherwise than the file does.

    The second of two columns ``price`` would be ``price.1``; where the first line is shorter than
    the others, its names would move to other columns.

    Args:
        found: The table, or its first piece.
        load_args: What it was read with.
        name: Of the file.
        read: Reads the file with other arguments.

    Raises:
        DataContractError: Naming the columns.
    """
    header = load_args.get("header", 0)
    if "names" in load_args or not isinstance(header, int):
        return
    if "index_col" not in load_args and not isinstance(found.index, pd.RangeIndex):
        raise DataContractError(
            f"the first line of {name} has {len(found.columns)} names and the second one more "
            f"values; the names are {bounded_list(found.columns)}. Name every column"
        )
    renamed = any(re.fullmatch(r".+\.\d+", str(column)) for column in found.columns)
    if not renamed and "usecols" not in load_args:
        return
    left = ("chunksize", "usecols", "index_col", "skipfooter", "nrows")
    how = {key: value for key, value in load_args.items() if key not in left}
    # Room for as many columns as there may be, since lines before the header may be shorter.
    room = range(max(1000, 2 * len(found.columns)))
    line = read({**how, "header": None, "names": room, "nrows": header + 1}).iloc[header].dropna()
    twice = sorted({text for text in line[line.duplicated()] if text})
    if twice:
        raise DataContractError(
            f"columns that stand twice in the first line of {name}: {bounded_list(twice)}"
        )


def _likely(error: Exception) -> str:
    """Return the argument that is likely to read a file which gave an error."""
    if not isinstance(error, UnicodeError):
        return '{sep: ";"}'
    begins = bytes(getattr(error, "object", b""))[:2]
    return "{encoding: utf-16}" if begins in (b"\xff\xfe", b"\xfe\xff") else "{encoding: latin-1}"
