"""The same id for the same cell in every frame.

In: labels frame by frame. Out: labels with linked ids, tracks and divisions.
"""
