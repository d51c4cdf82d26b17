"""One module per outside system, so that its next breaking release has one address."""
