"""The client library: one request and its reply, and the streams."""
