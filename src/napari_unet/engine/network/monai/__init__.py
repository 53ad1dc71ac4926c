"""Networks that MONAI builds (the extra ``networks``), imported when one is made.

In: a config. Out: a `Network` as our own are.
"""
