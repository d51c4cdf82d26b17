"""How the service is reached, how much it takes at once, and how it ends."""

from __future__ import annotations

import ipaddress
from typing import Self

from pydantic import Field, model_validator

from regression_lifecycle.core.config import StrictModel, Variable
from regression_lifecycle.core.errors import ConfigurationError
from regression_lifecycle.core.prediction.log_parameters import PredictionLogParameters


class ServingParameters(StrictModel):
    """The service that ``kedro serve`` starts.

    Attributes:
        host: Address that it listens on. Other machines reach it only if that is none of the
            loopback addresses, and then a token is needed.
        port: TCP port; 0 takes a free one.
        token_env: The variable that holds the token which callers must send; None asks for none.
        allow_anonymous: Whether other machines may ask without a token.
        poll_seconds: Pause between two looks at the registry and the store for another champion
            or another level factor.
        maximum_rows: Most rows of one request.
        maximum_body_bytes: Most bytes of the body of one request.
        maximum_batch_rows: Rows of waiting requests that are predicted in one call; a larger
            request goes alone.
        maximum_queue_rows: Rows that may wait for the model; what comes then is turned away with
            status 503.
        threads: Threads that native libraries may use for one prediction.
        enforce_bounds: Whether raw columns must keep minimum, maximum, allowed values and whole
            numbers of the contract.
        maximum_missing_share: Share (0 to 1) of the features that look other rows up which may
            lack what they look for; a row that lacks more is refused.
        log_features: Whether the log keeps what was asked (the raw row, its features, and what
            they lack), besides what was answered.
        drain_seconds: Longest time that open requests have to end when the service is told to,
            and again as long for the log to reach the store.
        log: How answers are kept.
    """

    host: str = Field("127.0.0.1", pattern=r"^[A-Za-z0-9.:_-]+$")
    port: int = Field(8080, ge=0, le=65535)
    token_env: Variable | None = None
    allow_anonymous: bool = False
    poll_seconds: float = Field(2.0, gt=0, le=3600)
    maximum_rows: int = Field(1000, ge=1, le=100_000)
    maximum_body_bytes: int = Field(4_000_000, ge=1000, le=1_000_000_000)
    maximum_batch_rows: int = Field(2000, ge=1, le=1_000_000)
    maximum_queue_rows: int = Field(10_000, ge=1, le=10_000_000)
    threads: int = Field(1, ge=1, le=256)
    enforce_bounds: bool = True
    maximum_missing_share: float = Field(1.0, ge=0, le=1)
    log_features: bool = True
    drain_seconds: float = Field(10.0, gt=0, le=600)
    log: PredictionLogParameters = PredictionLogParameters()

    @model_validator(mode="after")
    def _a_request_fits(self) -> Self:
        if self.maximum_rows > self.maximum_queue_rows:
            raise ConfigurationError(
                f"maximum_rows {self.maximum_rows} is more than maximum_queue_rows "
                f"{self.maximum_queue_rows}, so the largest request could never be taken"
            )
        return self

    def refuse_open_door(self) -> None:
        """Refuse to answer other machines without knowing who they are.

        Raises:
            ConfigurationError: If the host is not the local one, and nothing says who may ask.
        """
        if is_loopback(self.host) or self.token_env is not None or self.allow_anonymous:
            return
        raise ConfigurationError(
            f"  serving.host: {self.host} can be reached from other machines, and nobody would be "
            "asked for a token. Name the variable that holds one in serving.token_env, or set "
            "serving.allow_anonymous to true if something in front of it lets only the right "
            "ones through"
        )


def is_loopback(host: str) -> bool:
    """Return whether an address is that of the machine itself.

    Args:
        host: IP address or name.

    Returns:
        True for ``localhost``, 127.0.0.0/8 and ::1.
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
