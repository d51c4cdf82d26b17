"""Windows of live data: which to look at, and what was predicted in them."""
