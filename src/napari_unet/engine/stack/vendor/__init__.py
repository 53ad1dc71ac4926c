"""Files as microscopes write them, each read by the library made for it (extra ``[vendor]``).

In: a path. Out: a ``Source`` of one position, which reads a plane at a time.
"""
