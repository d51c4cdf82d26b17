"""A run says which node it is at."""

from __future__ import annotations

import logging

import pytest
from kedro.pipeline import Node, Pipeline

from regression_lifecycle.runtime.hooks import NodeProgressHook


def _pipeline(length: int) -> Pipeline:
    return Pipeline(
        [
            Node(lambda value: value, f"data_{number}", f"data_{number + 1}", name=f"step_{number}")
            for number in range(length)
        ]
    )


def test_each_node_is_named_when_it_begins_and_every_run_counts_anew(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    hook = NodeProgressHook()

    for length in (10, 2):
        pipeline = _pipeline(length)
        hook.before_pipeline_run(pipeline)
        for node in pipeline.nodes:
            hook.before_node_run(node)

    assert caplog.messages[0] == " 1 of 10  0:00  step_0"
    assert caplog.messages[9:] == [
        "10 of 10  0:00  step_9",
        "1 of 2  0:00  step_0",
        "2 of 2  0:00  step_1",
    ]


def test_a_process_that_did_not_see_the_run_begin_names_the_node(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)

    NodeProgressHook().before_node_run(_pipeline(1).nodes[0])

    assert caplog.messages == ["step_0"]
