"""Where the input comes from, and its local copy. Another source is a file here, and a line in `opening`."""
