"""Files that are whole or not there: temporary names, journals, raw pixels, ``.pth`` without code.

In: bytes to keep. Out: a path that holds them, or the old file untouched.
"""
