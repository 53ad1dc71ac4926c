"""What a user vouches for, and what of it is held out to check on.

In: label files, strokes. Out: ``Annotations`` for training, ``Corrections`` for live labels.
"""
