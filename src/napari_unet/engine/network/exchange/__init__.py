"""Networks and weights of others, read without running code, and ours for other programs.

In: ``.pth`` files, encoders, packages of bioimage.io. Out: config and tensors of a `Network`.
"""
