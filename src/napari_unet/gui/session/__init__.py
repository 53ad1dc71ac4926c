"""What the docks of one viewer share: the movie, its labels, the models, the running job.

In: what the user chose. Out: frozen values, announced once.
"""
