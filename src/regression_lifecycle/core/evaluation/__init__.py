"""How good a model is: metrics, baseline, gate, challenger."""
