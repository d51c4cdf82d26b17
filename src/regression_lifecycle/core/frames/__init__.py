"""Tables on any engine, and the way from there to pandas."""
