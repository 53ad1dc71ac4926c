"""Many movies, one after the other: what the command line and the table of positions both run.

In: files, folders and their positions (`movies`), one way to do them all (`Job`). Out: the files
of each (`Results`: what of them is done), made in one pass (`segment_movie`).
"""
