"""Segmenting on other processes and machines, by dask.distributed.

In: movies, a model, a scheduler. Out: frames in order, as `segment` takes them, block by block.
"""
