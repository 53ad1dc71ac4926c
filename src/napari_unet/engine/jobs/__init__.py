"""What crosses all rooms, for the command line, the docks and a notebook alike.

In: a movie and a model. Out: labels (`segment`), files (`export`, and `write` for a notebook) and
scores (`scoring`); `progress` runs any of the engine's generators to its end.
"""
