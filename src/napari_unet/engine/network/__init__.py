"""The U-Net as a file: weights, normalisation, card, training record, self-check.

In: ``.safetensors`` or a plain ``.pth``. Out: ``Model``; no code is run.
"""
