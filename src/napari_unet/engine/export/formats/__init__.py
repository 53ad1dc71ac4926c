"""One writer for each format of labels, and the table."""
