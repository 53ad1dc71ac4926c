"""Cells through time: linked by hand, and shown as the tree that they are."""
