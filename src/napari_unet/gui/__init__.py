"""The docks: the only Qt, magicgui and napari code.

Rooms: widgets (know no session) → viewer (napari's layers) → session (what docks share) → dock
(parts of docks) → segment, train, export.
"""
