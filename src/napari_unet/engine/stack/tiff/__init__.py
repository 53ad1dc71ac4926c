"""TIFF files: what they hold, and what they say of it.

In: a file. Out: ``TiffSource``, one position of it; what was guessed or left out is a notice.
"""
