"""Shapes of cells, corrected: masks (Y, X) of a part of a frame in, masks of the same part out.

Pure and small: a user's click waits for them. Ids, locks and undo are the session's.
"""
