"""Speed and memory of the real service, measured through its sockets."""
