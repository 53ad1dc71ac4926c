"""The Segment dock: a model over the movie, the threshold, counts."""
