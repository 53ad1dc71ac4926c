"""Several users of one movie: who has its session, and what two of them made of it.

In: session folders, ``Corrections``. Out: corrections to write or to read, merged ones, and where
users disagree, as doubts.
"""
