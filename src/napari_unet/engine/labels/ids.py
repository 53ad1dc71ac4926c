"""Ids that are special in every label image of ours: uint16, as napari paints them."""

BACKGROUND_ID = 65535  # of the background brush: ground that a user vouches for, never an object
LAST_ID = BACKGROUND_ID - 1  # the highest that an object can have
