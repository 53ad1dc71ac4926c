"""The losses as docs/training.md writes them, in numpy."""

import numpy as np


def np_entropy(logits, target):
    p = 1 / (1 + np.exp(-logits))
    return -(target * np.log(p) + (1 - target) * np.log(1 - p))


def np_softmax_entropy(raw, kinds):
    p = np.exp(raw) / np.exp(raw).sum(1, keepdims=True)
    return -np.log((p * kinds).sum(1, keepdims=True))


def np_mean(pixels, share):
    return (pixels * share).sum() / (share * np.ones_like(pixels)).sum()


def np_dice(p, target, mask, axes):
    overlap, both = (p * target * mask).sum(axes), ((p + target) * mask).sum(axes)
    return (1 - (2 * overlap + 1) / (both + 1)).mean()


def np_weights(kinds, mask, class_weights):
    """Of background and each thing, (N, 1, Y, X)."""
    if class_weights == "equal":
        return np.ones_like(mask)
    if class_weights == "balanced":
        n = (kinds * mask).sum((0, 2, 3))
        class_weights = mask.sum() / (n * len(n))
    return (kinds * np.asarray(class_weights)[:, None, None]).sum(1, keepdims=True)


def np_loss(terms, entropy, p, target, kinds, mask, weight, options):
    share = mask * (1 + weight) * np_weights(kinds, mask, options.get("class_weights", "equal"))
    value = 0.0
    for term in terms.split("_"):
        if term == "dice":
            axes = (2, 3) if options.get("dice_over") == "crop" else (0, 2, 3)
            value += np_dice(p, target, mask, axes)
        elif term == "focal":
            certain = np.exp(-entropy)
            value += np_mean(entropy * (1 - certain) ** options.get("focal_gamma", 2), share)
        else:
            value += np_mean(entropy, share)
    return value
