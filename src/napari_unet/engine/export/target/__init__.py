"""Where exports go, what they are called, and what their sidecars say."""
