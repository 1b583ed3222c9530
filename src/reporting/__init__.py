"""Stage 6: a page that shows what was trained and how good it is."""
