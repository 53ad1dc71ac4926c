"""Names of files that are frames: what their numbers, dates and clocks say of the order in time.

In: files of a folder. Out: those that are frames, in order, with their numbers.
"""
