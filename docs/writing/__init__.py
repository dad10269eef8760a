"""The writers of the generated pages and pictures, one room each."""
