"""What a training is given, made ready: movies that go together, each with its frames prepared.

In: movies with their annotations, settings, a base. Out: `Prepared`, and `MovieData` of each.
"""
