"""Networks and weights of others, read without running code.

In: ``.pth`` files, encoders, packages of bioimage.io. Out: config and tensors of a `Network`.
"""
