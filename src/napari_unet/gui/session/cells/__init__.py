"""Cells of the labels: which ones the docks have chosen, and how long what was found of them holds.

In: layers, cells by frame and id, what was found. Out: the same, as long as it is so.
"""
