"""A snapshot as bytes, with the version of Evidently that wrote it beside it."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import TYPE_CHECKING

from regression_lifecycle.adapters.evidently.library import evidently_version, first_line, quiet
from regression_lifecycle.core.errors import LifecycleError

if TYPE_CHECKING:
    from evidently.core.report import Snapshot


class SnapshotError(LifecycleError):
    """Stored bytes are not a snapshot that the installed Evidently can read."""


def dump_snapshot(snapshot: Snapshot) -> bytes:
    """Store a snapshot whole, so that it can be read and rendered again.

    Args:
        snapshot: A report that has run.

    Returns:
        Gzipped JSON with the keys ``evidently_version`` and ``snapshot``.
    """
    # Evidently writes its own state with an encoder of its own, so that text is kept as it is.
    version = json.dumps(evidently_version())
    with quiet():
        text = f'{{"evidently_version": {version}, "snapshot": {snapshot.dumps()}}}'
    return gzip.compress(text.encode(), mtime=0)


def load_snapshot(data: bytes) -> Snapshot:
    """Read a snapshot that :func:`dump_snapshot` stored.

    Args:
        data: The stored bytes.

    Returns:
        The snapshot.

    Raises:
        SnapshotError: If the bytes are damaged, or written by an Evidently whose snapshots the
            installed one cannot read.
    """
    try:
        content = json.loads(gzip.decompress(data))
        written, state = str(content["evidently_version"]), content["snapshot"]
    except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError) as error:
        raise SnapshotError(f"damaged snapshot ({first_line(error)})") from None
    with quiet():
        from evidently.core.report import Snapshot

        try:
            return Snapshot.load_dict(state)
        except Exception as error:
            raise SnapshotError(
                f"snapshot written by Evidently {written} cannot be read by Evidently "
                f"{evidently_version()} ({first_line(error)}); "
                f"install evidently=={written} or make the report anew"
            ) from error
