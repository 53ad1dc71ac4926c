"""A frame in parts: tiles that equal the whole where a network is exact, windows where it is not.

In: frames and what runs a network. Out: logits of the whole frame, or of a box of it.
"""
