"""Several processes that train one network, started by torchrun.

In: each process's part of a batch. Out: losses, statistics and gradients of the whole batch.
"""
