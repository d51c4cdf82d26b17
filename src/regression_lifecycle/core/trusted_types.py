"""Types that a stored model may contain besides those that skops trusts by itself.

The list is code and never data: a list that travels with the model protects nobody. The module
is shipped beside every model, so that the same list holds where this package is not installed.
It covers what the regressors and transformers of scikit-learn, LightGBM, XGBoost and CatBoost are
made of; none of these types runs anything when it is built.
"""

TRUSTED_TYPES = (
    # Imputers and binning remember the dtype they were fitted on.
    "numpy.dtype",
    # Trees, forests and boosting.
    "sklearn.tree._tree.Tree",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    # Voting and stacking keep their members in one.
    "sklearn.utils._bunch.Bunch",
    # Splines.
    "scipy.interpolate._bsplines.BSpline",
    "scipy._lib.array_api_compat.numpy._aliases.asarray",
    # Generalised linear models.
    "sklearn._loss.loss.HalfTweedieLossIdentity",
    # Nearest neighbours.
    "sklearn.metrics._dist_metrics.EuclideanDistance64",
    "sklearn.neighbors._kd_tree.KDTree",
    # Neural networks.
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    # Gaussian processes.
    "sklearn.gaussian_process.kernels.ConstantKernel",
    "sklearn.gaussian_process.kernels.Product",
    "sklearn.gaussian_process.kernels.RBF",
    # Boosting from elsewhere: parameters, and trees in the library's own text or binary format.
    "collections.OrderedDict",
    "lightgbm.basic.Booster",
    "lightgbm.sklearn.LGBMRegressor",
    "xgboost.core.Booster",
    "xgboost.sklearn.XGBRegressor",
    "xgboost.sklearn.XGBRFRegressor",
    "catboost.core.CatBoostRegressor",
    # This project's own.
    "regression_lifecycle.core.estimators.AdaptiveRegressor",
    "regression_lifecycle.core.estimators.CategoryEncoder",
    "regression_lifecycle.core.estimators.EarlyStoppingRegressor",
    "regression_lifecycle.core.estimators.LinearThenBoostingRegressor",
    "regression_lifecycle.core.estimators.Term",
)
