"""Files that are read by a package of an extra: those of microscopes, and OME-Zarr.

In: a path. Out: a ``Source`` of one position, which reads a plane at a time.
"""
