"""A frame's cells in numbers, and which cells of two frames are the same.

In: labels (Y, X) and codes of frames. Out: `FrameCells`, `FrameLinks`; no doubt is told here.
"""
