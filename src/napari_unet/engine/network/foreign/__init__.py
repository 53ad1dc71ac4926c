"""Networks as others wrote them, where none of ours computes the same; made from files only.

In: a config. Out: a `Network` as our own are.
"""
