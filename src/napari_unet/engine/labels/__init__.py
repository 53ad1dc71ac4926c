"""From probability to objects, and what can be said of them. Pure functions.

In: codes ``(C, Y, X)`` uint8, ``LabelSettings``. Out: labels ``(Y, X)``, measurements, scores.
"""
