"""Where touching cells part: regions on small canvases, without the empty ground of their frame."""
