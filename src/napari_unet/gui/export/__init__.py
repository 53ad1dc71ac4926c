"""The Export dock: labels, table, overlay movie, and the cells as a table."""
