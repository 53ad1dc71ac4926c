"""What is doubtful in a movie that somebody works on, kept up as it is corrected; states of cells.

In: ``LiveLabels``. Out: doubts that nobody has settled, and the verbs that carry repairs out.
"""
