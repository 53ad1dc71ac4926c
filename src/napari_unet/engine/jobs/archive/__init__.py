"""All that labels were made from, in one zip for a repository of data, and whether it is right.

In: an `Export` and what made its labels. Out: the zip (`write_archive`); later, from it and the
movie, the same labels again (`verify`).
"""
