"""One line per node when it begins, so that a run that takes its time says with what."""

from __future__ import annotations

import logging
from itertools import count
from time import monotonic

from kedro.framework.hooks import hook_impl
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

_LOGGER = logging.getLogger(__name__)


class NodeProgressHook:
    """Logs which node begins, the how many-th of all it is, and the time since the run began.

    Kedro's runner names a node when it has ended, in two lines.
    """

    # A process of the ParallelRunner runs nodes of a pipeline that it did not see begin.
    _total = 0

    @hook_impl
    def before_pipeline_run(self, pipeline: Pipeline) -> None:
        """Count the nodes."""
        self._total = len(pipeline.nodes)
        self._begun = count(1)
        self._start = monotonic()

    @hook_impl
    def before_node_run(self, node: Node) -> None:
        """Log the node."""
        if not self._total:
            _LOGGER.info("%s", node.name)
            return
        minutes, seconds = divmod(int(monotonic() - self._start), 60)
        width = len(str(self._total))
        _LOGGER.info(
            "%*d of %d  %d:%02d  %s",
            width,
            next(self._begun),
            self._total,
            minutes,
            seconds,
            node.name,
        )
