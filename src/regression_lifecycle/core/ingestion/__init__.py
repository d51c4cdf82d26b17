"""From a raw table to observations that keep the contract, on any engine."""
