"""Curves over frames as tables and figures: scores against a truth, measurements of cells."""
