"""Types that a stored model may contain besides those that skops trusts by itself.

The list is code and never data: a list that travels with the model protects nobody. The module
is shipped beside every model, so that the same list holds where this package is not installed.
"""

TRUSTED_TYPES = (
    "sklearn.tree._tree.Tree",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn._loss.link.Interval",
    "regression_lifecycle.core.estimators.TrendOffsetRegressor",
)
