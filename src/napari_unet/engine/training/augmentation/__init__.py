"""What training crops are changed by at random, beside `patches`, which draws and turns them.

In and out: normalised crops ``(N, C, S, S)``.
"""
