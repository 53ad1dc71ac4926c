"""What is wrong with a frame, told by its pixels and its neighbours in time: pure functions.

In: frames ``(Y, X)``, and numbers of cells where there are labels. Out: a few numbers of each frame
(``measures``), of which nothing else is kept, and what is odd of them in words (``findings``).
"""
