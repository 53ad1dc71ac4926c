"""Labels beside what is right of them: what became of each cell, to be drawn."""
