"""The engine: a movie goes in, labels, tables and movies come out. It knows neither Qt nor napari.

Rooms in reading order: stack → annotations → network → training → prediction → labels → tracks →
session → export → jobs; ``files`` lies below them all. Every long operation is a plain generator.
"""
