"""The Review dock: go through a movie, correct its cells, and train on that."""
