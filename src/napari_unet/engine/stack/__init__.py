"""A time-lapse with named axes, read frame by frame.

In: TIFFs, folders of them, arrays. Out: ``Stack``; ``stack[t]`` is ``(Y, X)`` or ``(C, Y, X)``.
"""
