"""Label files that are given: our own and those of other programs, all as a ``Stack``.

In: a path, and the movie that the labels are of. Out: frames of whole numbers.
"""
