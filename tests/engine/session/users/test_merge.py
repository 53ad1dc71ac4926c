"""Two users' corrections of one movie: what is taken in, how far they agree, what stays open."""

from __future__ import annotations

import json
from functools import partial

import numpy as np
import pytest

from napari_unet.engine.annotations.corrections import Corrections
from napari_unet.engine.annotations.disputes import Dispute
from napari_unet.engine.annotations.edit_masks import DISPUTED
from napari_unet.engine.annotations.hand_links import APART, SAME
from napari_unet.engine.errors import BadInput
from napari_unet.engine.files.journal import Journal
from napari_unet.engine.jobs import progress
from napari_unet.engine.session.live_labels import LiveLabels
from napari_unet.engine.session.reviewing.cell_links import CellLinks
from napari_unet.engine.session.reviewing.cell_states import CellStates
from napari_unet.engine.session.reviewing.live_doubts import LiveDoubts
from napari_unet.engine.session.reviewing.repairs import Repairs
from napari_unet.engine.session.reviewing.settled import say_fine
from napari_unet.engine.session.users.merge_corrections import merge_corrections
from napari_unet.engine.session.verbs import Verbs
from napari_unet.engine.settings import LabelSettings
from tests.engine.session.movies import CENTRES, SHAPE, Discs

FINE = LabelSettings(min_size=5)
LEFT, RIGHT, LOW, FAR, FAINT = CENTRES


finish = partial(progress.run, quiet=True)


class User:
    """A user of the same movie, who names cells by where they are on frame 0."""

    def __init__(self, name: str, corrections: Corrections | None = None) -> None:
        self.live = LiveLabels(SHAPE, Discs(), FINE, corrections or Corrections(SHAPE))
        self.live.corrections.author = name
        self.verbs = Verbs(self.live)

    def at(self, centre, frame=0) -> int:
        return int(self.live[frame, centre[0], centre[1] + frame])

    def pixels(self, centre, frame=0) -> np.ndarray:
        labels = np.asarray(self.live[frame, :, :])
        return labels == labels[centre[0], centre[1] + frame]

    def do(self, verb, *centres) -> None:
        getattr(self.verbs, verb)(0, *(self.at(centre) for centre in centres))

    def call(self, centre, state) -> None:
        finish(CellStates(self.live).say(0, self.at(centre), state))


# What ada does, what bo does; how many cells they have in common, are taken in, and disputes.
PAIRS = {
    "nothing in common": (
        lambda u: u.do("confirm", LOW), lambda u: u.do("confirm", FAR), (0, 0), 1, [],
    ),
    "the same": (lambda u: u.do("confirm", LOW), lambda u: u.do("confirm", LOW), (1, 1), 0, []),
    "nearly the same": (
        lambda u: u.do("confirm", LOW), lambda u: u.do("shrink", LOW), (1, 1), 0, [],
    ),
    "merged and not": (
        lambda u: u.do("merge", LEFT, RIGHT),
        lambda u: (u.do("confirm", LEFT), u.do("confirm", RIGHT)),
        (1, 2), 0, ["ada has 1 cell here, bo 2 cells"],
    ),
    "deleted and not": (
        lambda u: u.do("delete", FAR), lambda u: u.do("confirm", FAR), (0, 1), 0,
        ["ada has no cells here, bo 1 cell"],
    ),
    "kept and deleted": (
        lambda u: u.do("confirm", FAR), lambda u: u.do("delete", FAR), (1, 0), 0,
        ["ada has 1 cell here, bo no cells"],
    ),
    "all of a frame and one more": (
        lambda u: u.live.confirm_frame(0),
        lambda u: u.verbs.fill(0, *FAINT),
        (0, 1), 0, ["ada has no cells here, bo 1 cell"],
    ),
    "another outline": (
        lambda u: u.do("confirm", FAR), lambda u: u.verbs.grow(0, u.at(FAR), 5), (1, 1), 0,
        ["ada and bo outline it otherwise"],
    ),
    "all of a frame twice": (
        lambda u: u.live.confirm_frame(0), lambda u: u.live.confirm_frame(0), (4, 4), 0, [],
    ),
}  # fmt: skip


def merged(name, tmp_path=None):
    first, second, *expected = PAIRS[name]
    journal = Journal(tmp_path / "journal") if tmp_path else None
    ada, bo = User("ada", Corrections(SHAPE, journal)), User("bo")
    first(ada)
    second(bo)
    before = [np.array(ada.live[t, :, :]) for t in range(SHAPE[0])]
    agreement = finish(merge_corrections(ada.live.corrections, bo.live.corrections))
    again = User("cy", ada.live.corrections)  # as another program opens it
    return again, bo, agreement, before, expected


@pytest.mark.parametrize("name", PAIRS)
def test_two_users_are_merged_and_disagreements_are_doubts(name, tmp_path):
    user, bo, found, before, (cells, taken, words) = merged(name, tmp_path)
    corrections = user.live.corrections
    assert (found.cells, found.taken) == (cells, taken) and found.names == ("ada", "bo")
    assert (
        [one.words for one in found.disputes]
        == words
        == [one.words for one in corrections.open_disputes()]
    )
    assert (found.f1 is None) == (cells == (0, 0))
    if name in ("the same", "all of a frame twice"):
        assert found.f1 == found.seg == 1
    if cells == (1, 1) and not words:
        assert found.f1 == 1 and found.seg > 0.7
    assert corrections.authors == ("ada", "bo") or not corrections.last_done.author == "bo"
    shown = np.array(user.live[0, :, :])
    # ada's stay, and bo's looked so for her, too; the model's may have other numbers
    np.testing.assert_array_equal(shown > 0, before[0] > 0)
    if taken:
        assert corrections.ids(0).size == 2
    doubts = LiveDoubts(user.live).doubts()
    assert [one.detail for one in doubts] == words
    again = Corrections(SHAPE, Journal(tmp_path / "journal"))
    assert again.open_disputes() == corrections.open_disputes()
    assert again.copy().open_disputes() == corrections.open_disputes()
    for_others = again.copy()
    for_others.forget_names()
    called = [f"user {i}" for i in range(1, 1 + len(again.authors))]
    assert for_others.authors == tuple(called) and again.authors[:1] == ("ada",)
    said = [one.words for one in for_others.open_disputes()]
    assert said == ["two users disagree"] * len(words)
    for doubt in doubts:
        say_fine(user.live, doubt)
        np.testing.assert_array_equal(user.live[0, :, :], shown)
        assert not corrections.open_disputes() and corrections.last_done.verb == "fine"
        assert not (user.live.state(0).flags & DISPUTED).any()
        with pytest.raises(BadInput, match="decided already"):
            Repairs(user.live).take(doubt)
        user.live.undo()
        assert LiveDoubts(user.live).doubts() == [doubt]
        Repairs(user.live).take(doubt)
        where = bo.live.state(0).edited()
        np.testing.assert_array_equal(
            np.asarray(user.live[0, :, :])[where] > 0, np.asarray(bo.live[0, :, :])[where] > 0
        )
        assert not corrections.open_disputes() and corrections.last_done.verb == "theirs"
        user.live.undo()
    if corrections.last_done.verb == "session":
        user.live.undo()
        assert not corrections.open_disputes() and corrections.authors == ("ada",)


def test_numbers_of_two_users_do_not_meet():
    ada, bo = User("ada"), User("bo")
    ring = np.linspace(0, 2 * np.pi, 20)
    (hers,) = ada.verbs.draw(0, np.c_[28 + 5 * np.sin(ring), 40 + 5 * np.cos(ring)])
    (his,) = bo.verbs.draw(0, np.c_[54 + 4 * np.sin(ring), 6 + 4 * np.cos(ring)])
    bo.verbs.copy(1, 0, his)
    assert hers == his
    finish(merge_corrections(ada.live.corrections, bo.live.corrections))
    user = User("cy", ada.live.corrections)
    new = int(user.live[0, 54, 6])
    assert new not in (0, hers) and int(user.live[1, 54, 6]) == new
    assert new in user.live.corrections.reserved and user.live.new_id() > new


def test_states_and_ground_of_both_are_taken():
    ada, bo = User("ada"), User("bo")
    ada.do("confirm", FAR)
    ada.call(FAR, "dead")
    bo.do("confirm", FAR)
    bo.call(FAR, "mitotic")
    bo.call(LOW, "mitotic")
    bo.live[0, 0:3, 0:3] = 65535
    found = finish(merge_corrections(ada.live.corrections, bo.live.corrections))
    assert found.other_states == 4 and "kept the word of ada" in str(found)
    user = User("cy", ada.live.corrections)
    states = CellStates(user.live)
    assert states.at(0, FAR) == "dead" and states.at(0, LOW) == "mitotic"
    assert (np.asarray(user.live[0, 0:3, 0:3]) == 65535).all()


def test_links_of_both_are_taken_and_the_first_one_counts():
    ada, bo = User("ada"), User("bo")
    mine, theirs = CellLinks(ada.live), CellLinks(bo.live)
    left, low, far = (int(ada.live[0, *centre]) for centre in (CENTRES[0], LOW, FAR))
    mine.link((0, low), (1, far))
    mine.unlink((2, left), (3, left))
    theirs.link((0, low), (1, far))  # the same
    theirs.set_mother((0, left), (1, far))  # otherwise
    theirs.unlink((2, low), (3, low))  # of what nobody else spoke of
    theirs.link((2, left), (3, left))  # otherwise
    found = finish(merge_corrections(ada.live.corrections, bo.live.corrections))
    assert found.other_links == 2 and "2 links of bo left out" in str(found)
    assert found.to_values()["other_links"] == 2
    links = [(one.source, one.frame, one.kind) for one in ada.live.corrections.links]
    assert links == [(0, 1, SAME), (2, 3, APART), (2, 3, APART)]
    ada.live.undo()
    assert len(ada.live.corrections.links) == 2


def test_corrections_of_another_movie_are_refused():
    with pytest.raises(BadInput, match="two sessions of one movie"):
        next(merge_corrections(Corrections(SHAPE), Corrections((3, 9, 9))))


@pytest.mark.parametrize("damage", [{"box": [0, 99, 0, 5]}, {"mine": "?"}, {"cells": 3}])
def test_damaged_disputes_are_refused(damage, tmp_path):
    user, *_ = merged("kept and deleted")
    (dispute,) = user.live.corrections.disputes
    record = json.loads(json.dumps(dispute.to_record()))
    assert Dispute.from_record(record) == dispute
    journal = Journal(tmp_path / "journal")
    journal.append({"format": "napari-unet corrections 1", "shape": list(SHAPE)})
    journal.append({"dispute": {**record, **damage}})
    with pytest.raises(BadInput, match="is no correction"):
        Corrections(SHAPE, Journal(tmp_path / "journal"))
