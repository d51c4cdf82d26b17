"""The charts that compare: columns by their drift, policies by their error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from regression_lifecycle.adapters.dashboard.chart_parts import finished, time, with_unit
from regression_lifecycle.adapters.dashboard.tables import DRIFT_LABELS, NOT_COMPUTED

if TYPE_CHECKING:
    import altair as alt

_ROW_HEIGHT = 22


def drift_map(order: list[str]) -> dict[str, Any]:
    """Draw column by window how far each score is from its threshold.

    Args:
        order: Names of the columns, from top to bottom.

    Returns:
        A specification over the table ``drift``.
    """
    import altair as alt

    labels = [*DRIFT_LABELS, NOT_COMPUTED]
    base = alt.Chart(alt.NamedData(name="drift")).encode(
        x=time(),
        x2="end:T",
        y=alt.Y(
            "column:N",
            title=None,
            sort=order,
            scale=alt.Scale(domain=order, paddingInner=0.08),
            axis=alt.Axis(labelLimit=110),
        ),
        tooltip=[
            alt.Tooltip(f"{field}:N", title=title)
            for field, title in (
                ("column", "column"),
                ("window", "window"),
                ("t_score", "score"),
                ("t_threshold", "threshold"),
                ("step", "against the threshold"),
                ("t_method", "method"),
                ("t_role", "role"),
            )
        ],
    )
    cells = base.mark_rect(style="cell").encode(
        color=alt.Color(
            "step:N",
            scale=alt.Scale(domain=labels, range="diverging"),
            legend=None,
        )
    )
    outlines = base.transform_filter("datum.drifted").mark_rect(style="alarm-cell")
    return finished(
        alt.layer(cells, outlines), _ROW_HEIGHT * len(order), "Drift by column and window"
    )


def policy_scatter(letters: list[str], unit: str, *, wide: bool) -> dict[str, Any]:
    """Draw the error of each policy against its retrainings.

    Args:
        letters: The policies' letters, in order.
        unit: Unit of the target.
        wide: Whether the errors differ so much that they need a logarithmic scale.

    Returns:
        A specification over the table ``policies``.
    """
    import altair as alt

    base = alt.Chart(alt.NamedData(name="policies")).encode(
        x=alt.X("retrains:Q", title="retrainings", scale=alt.Scale(zero=True, nice=True)),
        y=_error_axis(unit, wide=wide),
    )
    layers = (
        base.transform_filter("datum.frontier")
        .mark_line(style="frontier", interpolate="step-after")
        .encode(order=alt.Order("retrains:Q")),
        base.mark_point(style="point", filled=True, size=110, opacity=1).encode(
            color=_letter_colours(letters),
            # A diamond is no policy but what hindsight could have done.
            shape=alt.condition("datum.hindsight", alt.value("diamond"), alt.value("circle")),
            tooltip=[
                alt.Tooltip("policy:N", title="policy"),
                alt.Tooltip("t_rmse:N", title="RMSE"),
                alt.Tooltip("t_retrains:N", title="retrainings"),
            ],
        ),
        base.transform_filter("!datum.hindsight")
        .mark_text(style="label", dy=-12)
        .encode(text="letter:N"),
        base.transform_filter("datum.hindsight")
        .mark_text(style="label", dy=14)
        .encode(text="letter:N"),
    )
    return finished(alt.layer(*layers), 260, "Error against retrainings")


def policy_chart(letters: list[str], unit: str, *, wide: bool) -> dict[str, Any]:
    """Draw the error of each policy by window; the one under the pointer stands out.

    Args:
        letters: The policies' letters, in order.
        unit: Unit of the target.
        wide: Whether the errors differ so much that they need a logarithmic scale.

    Returns:
        A specification over the table ``policy_windows``.
    """
    import altair as alt

    near = alt.selection_point(
        name="policy", on="pointerover", fields=["letter"], nearest=True, empty=False
    )
    base = alt.Chart(alt.NamedData(name="policy_windows")).encode(
        x=time(), y=_error_axis(unit, wide=wide), color=_letter_colours(letters)
    )
    layers = (
        base.mark_line().encode(
            opacity=alt.condition(near, alt.value(1.0), alt.value(0.55)),
            strokeWidth=alt.condition(near, alt.value(2.2), alt.value(1.2)),
        ),
        base.mark_point(filled=True, size=40, opacity=0)
        .encode(
            tooltip=[
                alt.Tooltip("policy:N", title="policy"),
                alt.Tooltip("window:N", title="window"),
                alt.Tooltip("t_rmse:N", title="RMSE"),
            ]
        )
        .add_params(near),
    )
    return finished(alt.layer(*layers), 260, "Error of the policies by window")


def _error_axis(unit: str, *, wide: bool) -> alt.Y:
    import altair as alt

    scale = (
        alt.Scale(type="log", nice=False, padding=14) if wide else alt.Scale(zero=False, padding=14)
    )
    name = "RMSE, logarithmic" if wide else "RMSE"
    return alt.Y("rmse:Q", title=with_unit(name, unit), scale=scale, axis=alt.Axis(format="~s"))


def _letter_colours(letters: list[str]) -> alt.Color:
    import altair as alt

    return alt.Color("letter:N", scale=alt.Scale(domain=letters), legend=None)
