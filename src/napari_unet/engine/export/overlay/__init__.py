"""Movies and pictures with outlines: composed, lettered, encoded."""
