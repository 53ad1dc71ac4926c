"""What can be said of each object of a frame: its shape, and its brightness, all at once."""
