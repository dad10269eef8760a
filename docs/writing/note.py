"""What stands at the head of every generated page."""

NOTE = "<!-- Written by docs/generate.py. Changes are lost. -->\n"
