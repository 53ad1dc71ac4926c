"""The crops that a training learns from, drawn at random and changed, a batch at a time.

In: prepared frames and a generator. Out: batches, the next one drawn while the network learns.
"""
