"""How a run starts: session, lock, tick, configuration, hooks."""
