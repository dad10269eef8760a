"""Command lines, one a file, each a few lines over the floors below."""
