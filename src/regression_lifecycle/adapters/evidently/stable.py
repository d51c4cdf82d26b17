"""Make a snapshot a function of its inputs, and a small one.

Evidently gives every widget a new random id, so that two runs over the same rows never store the
same bytes. It keeps every drawing twice, in the report and in the metric it belongs to, of which
only the first is ever shown; and each drawing with 7 kB of Plotly's default colours.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evidently.core.serialization import SnapshotModel

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def stabilise(model: SnapshotModel) -> None:
    """Number the widgets of a snapshot in their order, and drop second copies and templates.

    Args:
        model: A snapshot's state, changed in place.
    """
    from evidently._pydantic_compat import parse_obj_as
    from evidently.legacy.model.widget import BaseWidgetInfo
    from evidently.legacy.utils import NumpyEncoder

    for result in model.metric_results.values():
        result.widget = None
    drawn = [[widget.dict() for widget in part] for part in (model.widgets, model.tests_widgets)]
    content = json.loads(json.dumps(drawn, cls=NumpyEncoder))
    numbers: dict[str, str] = {}
    for part in _dicts(content):
        own = part.get("id")
        if isinstance(own, str) and _UUID.fullmatch(own):
            numbers.setdefault(own, f"widget-{len(numbers)}")
        if isinstance(part.get("layout"), dict):
            part["layout"].pop("template", None)
    text = json.dumps(content)
    # A table refers to its details by id, so ids are replaced wherever they stand. Text from the
    # data that looks like an id, but is none of these, stays.
    text = _UUID.sub(lambda match: numbers.get(match[0], match[0]), text)
    model.widgets, model.tests_widgets = parse_obj_as(list[list[BaseWidgetInfo]], json.loads(text))


def _dicts(data: Any) -> Iterator[dict[str, Any]]:
    if isinstance(data, dict):
        yield data
    inner = data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
    for value in inner:
        yield from _dicts(value)
