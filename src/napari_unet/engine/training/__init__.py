"""Learning from annotated frames.

In: ``Stack``, ``Annotations``, ``TrainSettings``, a model to start from. Out: ``TrainStep``
by step, at last a ``Model``.
"""
