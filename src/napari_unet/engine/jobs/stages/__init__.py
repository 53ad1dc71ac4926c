"""Frame by frame on all cores: what is made of each frame while others are predicted and written.

In: frames of codes or labels. Out: labels and measurements, in the order of the frames.
"""
