"""Cells linked by hand: said, kept, undone, and what exports make of it."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unet.engine.annotations.corrections import Corrections
from napari_unet.engine.annotations.hand_links import APART, MOTHER, SAME, LinkChange
from napari_unet.engine.annotations.steps import Step
from napari_unet.engine.errors import BadInput
from napari_unet.engine.files.journal import Journal
from napari_unet.engine.session.live_labels import LiveLabels
from napari_unet.engine.session.reviewing.cell_links import CellLinks, Origin
from napari_unet.engine.session.reviewing.repairs import Repairs
from napari_unet.engine.session.reviewing.settled import is_settled
from napari_unet.engine.session.verbs import Verbs
from napari_unet.engine.settings import LabelSettings
from napari_unet.engine.tracks.by_hand import ByHand
from napari_unet.engine.tracks.doubts.doubt import Doubt, Repair
from napari_unet.engine.tracks.tracking import Linker
from tests.engine.session.movies import CENTRES, SHAPE, Discs

FINE = LabelSettings(min_size=5)
LEFT, RIGHT, LOW, FAR, _ = range(5)


class Hand:
    """A user who links cells, which are named by which disc they are."""

    def __init__(self, corrections: Corrections | None = None) -> None:
        self.live = LiveLabels(SHAPE, Discs(), FINE, corrections)
        self.links, self.verbs = CellLinks(self.live), Verbs(self.live)

    def cell(self, frame: int, disc: int) -> tuple[int, int]:
        y, x = CENTRES[disc]
        return frame, int(self.live[frame, y, x + frame])

    def do(self, *acts: tuple[str, tuple[int, int], tuple[int, int]]) -> None:
        for verb, one, other in acts:
            getattr(self.links, verb)(self.cell(*one), self.cell(*other))

    def kinds(self) -> set[tuple[int, int, str]]:
        """What is said: frame of the later cell, of the earlier one, and the kind."""
        return {(link.frame, link.source, link.kind) for link in self.live.corrections.links}

    def tracks(self, disc: int) -> list[int]:
        """The track of a disc on each frame, and the parents of all tracks at the end."""
        linker = Linker(by_hand=ByHand.of(self.live.corrections))
        found = [linker(np.asarray(self.live[t]), t) for t in range(SHAPE[0])]
        y, x = CENTRES[disc]
        self.parents = {track.id: track.parent for track in linker.tracks.values()}
        return [int(labels[y, x + t]) for t, labels in enumerate(found)]


# What is done in turn (verb, disc by frame twice), what is kept then, and the words of the last.
DONE = {
    "link": ([("link", (1, LOW), (2, FAR))], {(2, 1, SAME)}, "linked 4 to 3 on frames 1 to 2"),
    "over a gap": ([("link", (3, LOW), (0, LOW))], {(3, 0, SAME)}, "linked 4 to 4 on frames 0, 3"),
    "unlink": ([("unlink", (1, LOW), (2, LOW))], {(2, 1, APART)}, "unlinked 4 and 4 on frames"),
    "mother": (
        [("set_mother", (1, LOW), (2, FAR))],
        {(2, 1, MOTHER)},
        "made 4 the mother of 3 on frames 1 to 2",
    ),
    "another instead": (
        [("link", (1, LOW), (2, FAR)), ("link", (1, LEFT), (2, FAR))],
        {(2, 1, SAME)},
        "linked 1 to 3 on frames 1 to 2",
    ),
    "it went on, and divides": (
        [("link", (1, LOW), (2, FAR)), ("set_mother", (1, LOW), (2, LOW))],
        {(2, 1, MOTHER)},
        "made 4 the mother of 4",
    ),
    "linked, and not": (
        [("link", (1, LOW), (2, FAR)), ("unlink", (2, FAR), (1, LOW))],
        {(2, 1, APART)},
        "unlinked 4 and 3",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DONE)
def test_a_link_is_kept_undone_redone_and_reopened(name, tmp_path):
    done, kinds, words = DONE[name]
    hand = Hand(Corrections(SHAPE, Journal(tmp_path / "journal"), author="ada"))
    news: list[tuple[int, ...]] = []
    hand.live.edited.connect(news.append)
    before = hand.tracks(LOW), hand.tracks(FAR)
    hand.do(*done)
    step = hand.live.corrections.last_done
    assert hand.kinds() == kinds and step.words.startswith(words), step.words
    assert step.author == "ada" and news[-1] == step.frames
    assert not hand.live.corrections.frames()  # no outline is the user's for that
    after = hand.tracks(LOW), hand.tracks(FAR)
    assert after != before or name in ("over a gap", "linked, and not")
    reopened = Hand(Corrections(SHAPE, Journal(tmp_path / "journal")))
    assert reopened.live.corrections.last_done == step and reopened.kinds() == kinds
    assert (reopened.tracks(LOW), reopened.tracks(FAR)) == after
    for _ in done:
        reopened.live.undo()
    assert not reopened.live.corrections.links
    assert (reopened.tracks(LOW), reopened.tracks(FAR)) == before
    for _ in done:
        reopened.live.redo()
    assert reopened.kinds() == kinds and len(reopened.live.corrections.copy().links) == len(
        hand.live.corrections.links
    )
    n = reopened.live.corrections.n_done
    reopened.do(done[-1])
    assert reopened.live.corrections.n_done == n  # it is so already


def test_a_link_stays_whatever_number_outline_and_model_the_cells_have():
    hand = Hand()
    hand.do(("link", (1, LOW), (2, FAR)))

    def is_linked() -> bool:
        return hand.tracks(LOW)[1] == hand.tracks(FAR)[2]

    assert is_linked()
    hand.live.settings = FINE.replace(threshold=0.9)
    assert is_linked()
    hand.live.probabilities = Discs(faint=5, reach=9)
    assert is_linked()
    hand.verbs.confirm(*hand.cell(1, LOW))
    hand.verbs.confirm(*hand.cell(2, FAR))
    assert is_linked()
    hand.verbs.delete(*hand.cell(2, FAR))
    assert not any(hand.tracks(FAR)[2:3])
    hand.live.undo()
    assert is_linked()


def test_a_mother_is_set_and_what_a_cell_comes_from_is_told():
    hand = Hand()
    assert hand.links.origin(*hand.cell(2, FAR)) == Origin(*hand.cell(1, FAR), divided=False)
    hand.do(("set_mother", (1, LOW), (2, FAR)))
    low, far = hand.tracks(LOW), hand.tracks(FAR)
    assert hand.parents[far[2]] == hand.parents[low[2]] == low[1] != low[2]
    for disc in (LOW, FAR):
        assert hand.links.origin(*hand.cell(2, disc)) == Origin(*hand.cell(1, LOW), divided=True)
    hand.links.unlink_before(*hand.cell(2, FAR))
    assert hand.links.origin(*hand.cell(2, FAR)) == Origin(*hand.cell(1, FAR), divided=False)
    hand.links.unlink_before(*hand.cell(2, FAR))
    assert hand.links.origin(*hand.cell(2, FAR)) is None
    assert hand.kinds() == {(2, 1, APART)}
    hand.links.leave(*hand.cell(2, FAR))
    assert not hand.live.corrections.links and hand.tracks(FAR)[1] == hand.tracks(FAR)[2]


@pytest.mark.parametrize(
    ("do", "words"),
    [
        (lambda h: h.links.link((1, 1), (1, 2)), "both cells are on frame 1"),
        (lambda h: h.links.set_mother((2, 1), (1, 2)), "frame 2 is not before frame 1"),
        (lambda h: h.links.link((1, 1), (2, 99)), "no cell 99 on frame 2"),
        (lambda h: h.links.link((1, 0), (2, 1)), "no cell is there"),
        (lambda h: h.links.link((1, 1), (9, 1)), "there is no frame 9"),
        (lambda h: h.links.unlink_before(0, 1), "on the first frame"),
        (lambda h: h.links.leave(0, 1), "no link of cell 1 was made by hand"),
    ],
)
def test_what_cannot_be_linked_is_refused_and_nothing_changes(do, words):
    hand = Hand()
    with pytest.raises(BadInput, match=words):
        do(hand)
    assert not hand.live.corrections.n_done and not hand.live.corrections.links


@pytest.mark.parametrize(
    "damage",
    [
        {0: 99},
        {1: [99, 1]},
        {1: [3]},
        {2: 2},
        {3: [1, 2, 3]},
        {4: 5},
        {5: None},
        {0: "one"},
    ],
)
def test_damaged_links_are_refused(damage, tmp_path):
    record = [2, [20, 30], 1, [20, 29], "", SAME]
    assert LinkChange.from_record(record).to_record() == record
    step = Step(links=(LinkChange.from_record(record),), verb="link", cells=(3, 4)).to_record()
    assert Step.from_record(step).to_record() == step and step["do"] == []
    for at, value in damage.items():
        step["links"][0][at] = value
    journal = Journal(tmp_path / "journal")
    journal.append({"format": "napari-unet corrections 1", "shape": list(SHAPE)})
    journal.append(step)
    with pytest.raises(BadInput, match="is no correction"):
        Corrections(SHAPE, Journal(tmp_path / "journal"))


@pytest.mark.parametrize(
    ("reason", "disc", "frame", "settled"),
    [
        ("appears from nowhere", FAR, 2, True),
        ("appears from nowhere", FAR, 3, False),
        ("appears from nowhere", LOW, 2, False),
        ("vanishes", LOW, 1, True),
        ("vanishes", FAR, 2, False),
        ("speck", FAR, 2, False),
    ],
)
def test_who_says_what_a_cell_comes_from_settles_that_doubt(reason, disc, frame, settled):
    hand = Hand()
    (y, x), cell = CENTRES[disc], hand.cell(frame, disc)[1]
    doubt = Doubt(frame, float(y), float(x + frame), (cell,), reason, None, 0.5, 16.0)
    assert not is_settled(doubt, hand.live.corrections)
    hand.do(("set_mother", (1, LOW), (2, FAR)))
    assert is_settled(doubt, hand.live.corrections) == settled
    hand.live.undo()
    assert not is_settled(doubt, hand.live.corrections)


def test_a_daughter_is_linked_by_the_repair_that_a_doubt_offers():
    hand = Hand()
    (y, x), (_, mother), (_, cell) = CENTRES[FAR], hand.cell(1, LOW), hand.cell(2, FAR)
    reason, repair = "appears from nowhere", Repair("mother", 1, (mother,))
    doubt = Doubt(2, float(y), float(x + 2), (cell,), reason, repair, 0.5, 16.0)
    before = np.asarray(hand.live[2]).copy()
    assert Repairs(hand.live).take(doubt) == (cell,)
    assert is_settled(doubt, hand.live.corrections)
    assert [link.kind for link in hand.live.corrections.links] == [MOTHER]
    np.testing.assert_array_equal(hand.live[2], before)
    hand.live.undo()
    assert not hand.live.corrections.links and not is_settled(doubt, hand.live.corrections)
    gone = Doubt(2, 0.0, 0.0, (cell,), reason, Repair("mother", 1, (999,)), 0.5, 16.0)
    with pytest.raises(BadInput, match="999"):
        Repairs(hand.live).take(gone)
