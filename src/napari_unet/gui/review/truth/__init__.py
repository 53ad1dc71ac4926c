"""Comparing the movie's labels with labels that are right."""
