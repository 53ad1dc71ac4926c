"""Our models for other programs, as bioimage.io packs them.

In: a `Model`, and what its author says of it. Out: a zip.
"""
