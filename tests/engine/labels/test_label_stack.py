"""One reader for labels of any type and shape: the same words for each, and doubts where due."""

import io

import numpy as np
import pytest
import tifffile
from PIL import Image
from scipy import ndimage

from napari_unet.engine.annotations.annotations import Annotations
from napari_unet.engine.errors import BadInput
from napari_unet.engine.jobs.scoring import score
from napari_unet.engine.labels.label_frames import LabelFrames
from napari_unet.engine.labels.label_stack import LabelStack
from napari_unet.engine.labels.read_labels import guess_kind
from napari_unet.engine.settings import Selection
from napari_unet.engine.stack.stack import Stack
from napari_unet.sample.movie import sample_movie


@pytest.fixture(scope="module")
def world():
    """A movie of four frames, and its labels."""
    return sample_movie(frames=4, shape=(160, 192))


@pytest.fixture(scope="module")
def movie(world):
    return Stack.from_array(world[0], axes="TYX", name="movie")


# --- types and shapes ----------------------------------------------------------------------------

SAME = {
    "float32": lambda t: t.astype(np.float32),
    "float64": lambda t: t.astype(np.float64),
    "int64": lambda t: t.astype(np.int64),
    "int16": lambda t: t.astype(np.int16),
    "uint8": lambda t: t.astype(np.uint8),
    "uint64": lambda t: t.astype(np.uint64),
    "big endian": lambda t: t.astype(">u2"),
    "T1YX": lambda t: t[:, None],
    "1TYX": lambda t: t[None],
    "5D": lambda t: t[None, :, None],
    "T11YX of floats": lambda t: t[:, None, None].astype(np.float32),
}


@pytest.mark.parametrize("make", SAME.values(), ids=SAME)
def test_the_same_labels_are_read_whatever_they_are_kept_in(world, movie, make, tmp_path):
    made = make(world[1])
    of_layer = LabelFrames(LabelStack.of_array(made, "L"), movie)
    tifffile.imwrite(tmp_path / "l.tif", made, photometric="minisblack")
    with Stack.open(tmp_path / "l.tif") as stack:
        of_file = LabelFrames(LabelStack.of(stack, movie), movie)
        for t, frame in enumerate(world[1]):
            np.testing.assert_array_equal(of_layer[t], frame)
            np.testing.assert_array_equal(of_file[t], frame)
        assert of_file[0].dtype.kind == "u"
    assert of_layer.frame_indices == of_file.frame_indices == (0, 1, 2, 3)


def nan_ground(t):
    return np.where(t == 0, np.nan, t).astype(np.float32)


REFUSED = {
    "NaN": (nan_ground, "holds NaN"),
    "infinity": (lambda t: np.where(t == 1, np.inf, t), "holds infinity"),
    "-1": (lambda t: np.where(t == 0, -1, t.astype(int)).astype(np.int16), "from -1, on"),
    "-1 in floats": (lambda t: np.where(t == 0, -1.0, t), "from -1, on"),
    "probabilities": (lambda t: np.where(t > 0, 0.7, 0.1), "fractions such as 0.7, as a prob"),
    "intensities": (lambda t: t * 1.5 + 0.25, "as an image does"),
    "transposed": (lambda t: t.transpose(0, 2, 1), "are 4 frames of 192 x 160 pixels, the movie"),
    "cut": (lambda t: t[:, :64, :64], "4 frames of 64 x 64 pixels, the movie movie is 4 frames"),
    "one more": (lambda t: np.concatenate([t, t[:1]]), "are 5 frames of 160 x 192 pixels"),
    "one frame of four": (lambda t: t[0], "are 1 frame of 160 x 192 pixels"),
    "two axes": (lambda t: np.stack([t, t], 1), "4 x 2 x 160 x 192"),
    "a line": (lambda t: t[0, 0], "are 192;"),
}


@pytest.mark.parametrize(("make", "said"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_label_is_refused_in_its_own_words(world, movie, make, said):
    with pytest.raises(BadInput) as caught:
        frames = LabelFrames(LabelStack.of_array(make(world[1]), "L"), movie)
        [frames[t] for t in range(4)]
    assert said in str(caught.value)
    assert "labels L" in str(caught.value) and "\n" not in str(caught.value)


def test_colours_are_refused_and_greys_are_not(world, movie, tmp_path):
    lut = np.random.default_rng(0).integers(30, 255, (256, 3)).astype(np.uint8)
    lut[0] = 0
    grey = np.repeat(world[1].astype(np.uint8)[..., None], 3, axis=-1)
    for name, data in (("rgb", lut[world[1] % 256]), ("grey", grey)):
        tifffile.imwrite(tmp_path / f"{name}.tif", data, photometric="rgb")
    with Stack.open(tmp_path / "rgb.tif") as stack, pytest.raises(BadInput, match="in colour"):
        LabelFrames(LabelStack.of(stack, movie), movie)[0]
    with Stack.open(tmp_path / "grey.tif") as stack:
        found = LabelFrames(LabelStack.of(stack, movie), movie)
        np.testing.assert_array_equal(found[2], world[1][2])


@pytest.fixture(scope="module")
def volumes(world):
    """Labels of two volumes of two sections, and the movie they are of."""
    labels = world[1].reshape(2, 2, *world[1].shape[1:])
    movie = world[0].reshape(labels.shape)
    return labels, Stack.from_array(movie, Selection(z="volume"), axes="TZYX", name="movie")


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_labels_of_volumes_are_volumes(volumes, dtype, tmp_path):
    labels, movie = volumes
    path = tmp_path / "l.ome.tif"
    tifffile.imwrite(path, labels.astype(dtype), metadata={"axes": "TZYX"})
    of_layer = LabelFrames(LabelStack.of_array(labels.astype(dtype)[:, None], "L", 3), movie)
    with Stack.open(path) as stack:
        of_file = LabelFrames(LabelStack.of(stack, movie), movie)
        for t, volume in enumerate(labels):
            np.testing.assert_array_equal(of_layer[t], volume)
            np.testing.assert_array_equal(of_file[t], volume)
        assert of_file.notices == []


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda t: t[:, :1], "2 frames of 160 x 192 pixels"),
        (lambda t: np.repeat(t, 2, 1), "2 frames of 4 x 160 x 192 voxels"),
        (lambda t: t[:, :, :100], "2 frames of 2 x 100 x 192 voxels"),
        (lambda t: t[:1], "1 frame of 2 x 160 x 192 voxels"),
    ],
)
def test_labels_of_other_volumes_are_refused_in_a_line(volumes, make, said):
    labels, movie = volumes
    stack = Stack.from_array(make(labels), axes="TZYX", name="L")
    with pytest.raises(BadInput) as refused:
        LabelFrames(LabelStack.of(stack, movie), movie)
    line = str(refused.value)
    assert f"L are {said}, the movie movie is 2 frames of 2 x 160 x 192 voxels" in line
    assert "\n" not in line


def test_labels_and_truth_of_volumes_are_scored_as_volumes(volumes):
    labels, _ = volumes
    stack = Stack.from_array(labels, axes="TZYX")
    cells = sum(len(np.unique(volume)) - 1 for volume in labels)
    for one in (score(labels, labels), score(stack, labels)):
        assert (one.seg, one.n_truth) == (1, cells) and one.notices == ()


@pytest.mark.parametrize("axes", ["ZYX", "CYX", "TZYX"])
def test_sections_or_channels_as_many_as_frames_are_frames(world, movie, axes, tmp_path):
    data = world[1][None] if axes[0] == "T" else world[1]
    tifffile.imwrite(tmp_path / "l.ome.tif", data, metadata={"axes": axes})
    with Stack.open(tmp_path / "l.ome.tif") as stack:
        found = LabelFrames(LabelStack.of(stack, movie), movie)
        np.testing.assert_array_equal(found[3], world[1][3])
    assert "taken for frames" in " ".join(map(str, found.notices))


def test_the_largest_of_several_sections_is_said(world, movie):
    stack = Stack.from_array(np.stack([world[1], world[1]], 1), axes="TZYX", name="L")
    (notice,) = LabelStack.of(stack, movie).notices
    assert notice.level == "check" and "2 sections" in notice.line


@pytest.mark.parametrize(
    ("value", "dtype"), [(1, np.uint8), (255, np.uint8), (65535, np.uint16), (1, bool), (255, "f4")]
)
def test_a_mask_is_read_as_its_pieces(world, value, dtype):
    mask = (world[1] > 0).astype(dtype) * np.array(value, dtype)
    stack = LabelStack.of_array(mask, "L")
    stack.part_mask()
    pieces, n = ndimage.label(world[1][1] > 0, np.ones((3, 3)))
    np.testing.assert_array_equal(stack[1], pieces)
    assert n > 1 and "is a mask" in stack.notices[0].line


@pytest.mark.parametrize("one", [7, 1])
def test_one_cell_keeps_its_number(world, one):
    stack = LabelStack.of_array(np.where(world[1] == world[1][0].max(), one, 0), "L")
    stack.part_mask()
    assert stack.notices == () and set(np.unique(stack[0])) == {0, one}


# --- which frames --------------------------------------------------------------------------------


def folder(place, frames, numbers):
    place.mkdir()
    for frame, number in zip(frames, numbers, strict=True):
        tifffile.imwrite(place / f"t{number:03d}.tif", frame)
    return Stack.open(place)


MATCHES = [  # numbers of movie and labels, offset, pairs or words
    ((0, 1, 2, 3), (0, 1, 2, 3), None, [0, 1, 2, 3]),
    ((3, 4, 7, 9), (4, 9), None, [1, 3]),
    ((0, 1, 2, 3), (1, 2, 3, 4), None, "--offset -1"),
    ((3, 4, 7, 9), (13, 14, 17, 19), None, "--offset -10"),
    ((0, 1, 2, 3), (1, 2, 3, 4), -1, [0, 1, 2, 3]),
    ((0, 1, 2, 3), (1, 2, 3, 4), 0, [1, 2, 3]),
    ((0, 1, 2, 3), (1, 2, 3, 4), 9, "with offset 9"),
    ((0, 1, 2, 3), (3, 4, 5), None, [3]),
    (None, (1, 3), None, "0 where they count"),
    (None, (1, 3), 0, [1, 3]),
    (None, (1, 3), -1, [0, 2]),
    ((5, 6, 7, 8), None, None, [0, 1, 2, 3]),
]


@pytest.mark.parametrize(("of_movie", "of_labels", "offset", "wanted"), MATCHES)
def test_frames_are_matched_or_the_offset_is_asked_for(
    world, tmp_path, of_movie, of_labels, offset, wanted
):
    def stack(name, frames, numbers):
        if numbers is None:
            return Stack.from_array(frames, axes="TYX", name=name)
        return folder(tmp_path / name, frames[: len(numbers)], numbers)

    movie, labels = stack("movie", world[0], of_movie), stack("labels", world[1], of_labels)
    if isinstance(wanted, str):
        with pytest.raises(BadInput) as caught:
            LabelFrames(LabelStack.of(labels, movie), movie, offset=offset)
        assert wanted in str(caught.value)
        return
    found = LabelFrames(LabelStack.of(labels, movie), movie, offset=offset)
    assert list(found.frame_indices) == wanted
    said = " ".join(map(str, found.notices))
    assert ("left out" in said) == (len(wanted) < len(labels))


def test_labels_of_one_frame_are_of_the_frame_that_is_chosen(world, movie):
    with pytest.raises(BadInput, match="--offset N"):
        Annotations.from_labels(movie, Stack.from_array(world[1][2], name="one"))
    of_two = Annotations.from_labels(movie, Stack.from_array(world[1][2], name="one"), [2])
    shifted = Annotations.from_labels(movie, Stack.from_array(world[1][2], name="one"), offset=2)
    assert of_two.frame_indices == shifted.frame_indices == (2,)
    assert "taken for those of frame 2" in of_two.notices[0].line


# --- doubts --------------------------------------------------------------------------------------


def masks(t):
    return np.where(t > 0, 255, 0).astype(np.uint8)


def jpeg(quality):
    def made(frames):
        found = []
        for frame in frames:
            file = io.BytesIO()
            Image.fromarray(frame).save(file, "JPEG", quality=quality)
            found.append(np.asarray(Image.open(file)))
        return np.stack(found)

    return made


def resized(factor, how=Image.Resampling.BILINEAR):
    def made(frames):
        height, width = frames.shape[1:]
        size = max(1, int(width * factor)), max(1, int(height * factor))
        small = [Image.fromarray(f).resize(size, Image.Resampling.NEAREST) for f in frames]
        return np.stack([np.asarray(s.resize((width, height), how)) for s in small])

    return made


def coloured(t):
    found = np.zeros(t.shape, np.uint8)
    for frame, out in zip(t, found, strict=True):
        for i in np.unique(frame)[1:]:
            near = ndimage.binary_dilation(frame == i, iterations=4)
            used = set(out[near].tolist()) - {0}
            out[frame == i] = next(c for c in range(1, 9) if c not in used)
    return found


def twice(t):
    found = t.copy()
    for frame in found:
        ids = np.unique(frame)[1:]
        frame[frame == ids[-1]], frame[frame == ids[-2]] = ids[0], ids[1]
    return found


def outlines(t):
    edge = [ndimage.grey_dilation(f, 3) != ndimage.grey_erosion(f, 3) for f in t]
    return np.where(np.stack(edge) & (t > 0), 255, 0).astype(np.uint8)


def ids8(t):
    return (t * 3).astype(np.uint8)


DOUBTED = {
    "JPEG mask": (lambda t: jpeg(80)(masks(t)), "1-3 px"),
    "fine JPEG": (lambda t: jpeg(95)(masks(t)), "1-3 px"),
    "JPEG ids": (lambda t: jpeg(90)(ids8(t)), "1-3 px"),
    "resized mask": (lambda t: resized(0.5)(masks(t)), "1-3 px"),
    "resized ids": (lambda t: resized(0.5)(ids8(t)), "1-3 px"),
    "cubic": (lambda t: resized(0.5, Image.Resampling.BICUBIC)(masks(t)), "1-3 px"),
    "coarse": (lambda t: resized(0.25)(masks(t)), "1-3 px"),
    "4 colours": (coloured, "coloured so that neighbours differ"),
    "one id for two": (twice, "several places far apart"),
    "outlines": (outlines, "outlines only"),
    "inverted": (lambda t: 255 - masks(t), "Invert it"),
    "empty frames": (lambda t: t * (np.arange(4) % 2 == 0)[:, None, None], "2 of 4 frames"),
}


@pytest.mark.parametrize(("make", "said"), DOUBTED.values(), ids=DOUBTED)
def test_what_is_no_cell_is_doubted_in_one_line(world, movie, make, said):
    labels = Stack.from_array(make(world[1]), axes="TYX", name="L.tif")
    (notice,) = Annotations.from_labels(movie, labels).notices
    assert notice.level == "check"
    assert said in notice.line and notice.line.count("L.tif") == 1


GOOD = {
    "ids": lambda t: t,
    "mask": masks,
    "mask of 1": lambda t: (t > 0).astype(np.uint8),
    "mask of 65535": lambda t: np.where(t > 0, 65535, 0).astype(np.uint16),
    "resized without interpolation": lambda t: resized(0.5, Image.Resampling.NEAREST)(ids8(t)),
    "one cell": lambda t: np.where(t == t[0].max(), 7, 0).astype(np.uint16),
    "thin cells": lambda t: (
        np.where(np.arange(192) % 6 < 2, np.arange(192) // 6 + 1, 0) + np.zeros(t.shape, int)
    ),
    "cells cut by an eraser": lambda t: np.where(np.arange(192) % 40 < 2, 0, t),
}


@pytest.mark.parametrize("make", GOOD.values(), ids=GOOD)
def test_good_labels_are_not_doubted(world, movie, make):
    labels = Stack.from_array(make(world[1]), axes="TYX", name="L.tif")
    assert Annotations.from_labels(movie, labels, range(4)).notices == ()


def test_classes_of_cells_are_not_doubted(class_toy):
    movie = Stack.from_array(class_toy.movie, axes="TYX")
    labels = Stack.from_array(class_toy.labels, axes="TYX")
    found = Annotations.from_labels(movie, labels)
    assert found.classes == (1, 2) and found.notices == ()


def test_colours_that_are_said_to_be_classes_are_not_doubted(world, movie):
    labels = Stack.from_array(coloured(world[1]), axes="TYX")
    assert guess_kind(list(coloured(world[1]))) == "classes"
    assert Annotations.from_labels(movie, labels, kind="classes").notices == ()


@pytest.mark.parametrize("folder_name", ["*/0?_ST/SEG", "*/masks", "*/labels_class", "*/0?_GT/*"])
def test_masks_of_real_movies_are_not_doubted(shared_data, folder_name):
    doubted = []
    for place in sorted(shared_data.glob(folder_name)):
        files = sorted(place.glob("*.tif"))
        for file in files[:: max(1, len(files) // 12)]:
            frame = tifffile.imread(file)
            frames = [frame] if frame.ndim == 2 else list(frame[::4])
            stack = LabelStack.of_array(np.stack(frames), file.name)
            doubted += stack.doubts()
    assert doubted == []
