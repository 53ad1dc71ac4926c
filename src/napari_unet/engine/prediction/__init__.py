"""Running a model over a movie on whatever device is there.

In: ``Stack``, ``Model``, ``PredictSettings``. Out: ``FramePrediction`` by frame; ``Probabilities``
``(T, C, Y, X)`` uint8 in a file or in memory.
"""
