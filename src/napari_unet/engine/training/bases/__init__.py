"""Models of other images as the start: made to take colours, or volumes.

In: movies with their annotations, a model. Out: an `AdaptedBase`, of that model's identity.
"""
