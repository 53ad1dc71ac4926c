"""Files for other programs: labels, tables, overlay movies; each with a sidecar.

In: frames of labels, the ``Stack``. Out: the frames as they are written, at last the path.
"""
