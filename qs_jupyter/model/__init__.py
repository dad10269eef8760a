"""What the manager knows and decides: plain data and pure functions."""
