"""Cells in 3D of a movie of which each section is a frame.

In: an `Export` of sections, or their labels as they come; out: the same of volumes.
"""
