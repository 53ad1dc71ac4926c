"""The same movie by napari-animation: run by a Python that has it, prints seconds a frame.

``python _peer_animation.py FRAMES.npz OUT.mp4 KEYS``: image and contours of the labels, one frame
of the movie after the other, the canvas as large as a frame. KEYS is ``two`` for key frames at
both ends, its best case, or ``each`` for one at every frame, as scripts have it. Opening the
viewer is not timed.
"""

import sys
import time

import napari
import numpy as np
from napari_animation import Animation


def main() -> None:
    found = np.load(sys.argv[1])
    frames, labels = found["frames"], found["labels"]
    viewer = napari.Viewer(show=True)
    viewer.add_image(frames, contrast_limits=(float(frames.min()), float(frames.max())))
    viewer.add_labels(labels).contour = 2
    canvas = getattr(viewer.window, "_qt_viewer").canvas  # noqa: B009 - no public way to its size
    canvas.size = frames.shape[1:]
    viewer.scale_bar.visible = viewer.text_overlay.visible = True
    animation = Animation(viewer)
    ends = (0, len(frames) - 1)
    keys = ends if sys.argv[3] == "two" else range(len(frames))
    began = time.perf_counter()
    for t in keys:
        viewer.dims.set_current_step(0, t)
        animation.capture_keyframe(steps=ends[1] if sys.argv[3] == "two" else 1)
    animation.animate(sys.argv[2], canvas_only=True, fps=10)
    print((time.perf_counter() - began) / len(frames))
    viewer.close()


if __name__ == "__main__":
    main()
