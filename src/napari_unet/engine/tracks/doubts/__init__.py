"""Where labels are doubtful, beside what lies before and after in time: places, worst first.

In: labels (Y, X) or (Z, Y, X) and codes by frame. Out: `Doubt` values, each with the repair it
calls for; who carries repairs out is above (`session.reviewing`). Each reason has a file with one
function.
"""
