"""The single writer and what it sets in motion."""
