"""The Export dock: labels, table, overlay movie."""
