from __future__ import annotations

import pytest
from pydantic import ValidationError

from regression_lifecycle.core.config import StrictModel
from regression_lifecycle.core.data.splits import SplitParameters
from regression_lifecycle.core.errors import (
    ConfigurationError,
    DataContractError,
    LifecycleError,
    ModelError,
    bounded_list,
    counted,
    unknown_name,
)


@pytest.mark.parametrize("error", [ConfigurationError, DataContractError, ModelError])
def test_every_error_a_user_can_mend_has_one_base(error):
    assert issubclass(error, LifecycleError)


def test_a_configuration_error_inside_a_model_is_reported_with_its_place():
    class Outer(StrictModel):
        split: SplitParameters

    with pytest.raises(ValidationError) as caught:
        Outer.model_validate({"split": {"kind": "date", "holdout_start": "soon"}})
    assert caught.value.errors()[0]["loc"] == ("split", "holdout_start")
    assert "'soon' is not a moment" in str(caught.value)


def test_an_unknown_name_is_answered_with_the_probable_one_and_the_allowed_ones():
    message = unknown_name("metric", "rmsee", ["rmse", "mae"])
    assert message == "unknown metric 'rmsee'; did you mean 'rmse'? Allowed: mae, rmse"


def test_an_unknown_name_like_no_other_is_answered_with_the_allowed_ones_alone():
    message = unknown_name("metric", "zzz", ["rmse", "mae"])
    assert message == "unknown metric 'zzz'. Allowed: mae, rmse"


def test_a_long_list_is_cut_and_says_how_much_is_left():
    assert bounded_list(range(5), limit=2) == "0, 1 and 3 more"
    assert bounded_list(range(2), limit=2) == "0, 1"
    assert bounded_list([]) == "none"
    assert unknown_name("key", "q", [f"k{i}" for i in range(9)], limit=3).endswith("and 6 more")


@pytest.mark.parametrize(
    ("number", "said"), [(0, "no rows"), (1, "1 row"), (2, "2 rows"), (1024, "1,024 rows")]
)
def test_a_noun_follows_its_number(number: int, said: str) -> None:
    assert counted(number, "row") == said


def test_a_plural_of_its_own_is_given() -> None:
    assert [counted(n, "entry", "entries") for n in (1, 2)] == ["1 entry", "2 entries"]
