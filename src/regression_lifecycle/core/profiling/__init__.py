"""What a table tells about itself: types, time, key, leaks, and the description they make."""
