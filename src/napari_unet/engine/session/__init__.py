"""A movie that somebody works on: live labels, and the folder in which all of it is kept.

In: ``Probabilities``, ``Corrections``. Out: ``LiveLabels`` ``(T, Y, X)`` uint16, derived as read;
model < threshold < user.
"""
