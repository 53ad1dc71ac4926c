"""Marks of places and cells over the canvas, which go along with the camera."""
