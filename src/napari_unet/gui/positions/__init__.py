"""Many movies in the window: a table of positions, segmented and exported by one button."""
