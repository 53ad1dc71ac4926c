"""*Run on* of Segment: this computer, or a cluster by its address or file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QComboBox, QFileDialog, QLineEdit, QWidget

from napari_unet.gui.session.recent import recent_cluster, remember_cluster
from napari_unet.gui.widgets.parts import Column, add_field, button, form_rows, narrow, row

if TYPE_CHECKING:
    from napari_unet.gui.session.session import Session

_TIP = (
    "Workers of dask.distributed, on this network or in a queue, predict the frames; "
    "the region on screen is always predicted here"
)
_ADDRESS = "tcp://host:8786, local:4, ssh:host or a .yaml file; see docs/cluster.md"


class RunOn(QWidget):
    """What is chosen goes to the session; an address that was used is offered the next time.

    It begins with this computer: no movie leaves it unless that is chosen.
    """

    def __init__(self, session: Session, owner: str) -> None:
        super().__init__()
        self._models = session.models
        self.where = narrow(QComboBox(objectName=f"{owner}.run_on"))
        self.where.addItem("this computer", "here")
        self.where.addItem("cluster…", "cluster")
        self.where.setToolTip(_TIP)
        self.address = QLineEdit(recent_cluster(), objectName=f"{owner}.cluster")
        self.address.setPlaceholderText("tcp://host:8786, local:4, cluster.yaml")
        self.address.setToolTip(_ADDRESS)
        self.choose = button("…", f"{owner}.cluster_file", "Choose a file that describes a cluster")
        self._cluster = QWidget()
        Column(self._cluster).add(row(self.address, self.choose, stretch=0))
        self._cluster.hide()
        rows = form_rows()
        add_field(rows, "Run on", self.where)
        Column(self).add(rows, self._cluster)
        self.where.currentIndexChanged.connect(self._on_change)
        self.address.textChanged.connect(self._on_change)
        self.address.editingFinished.connect(lambda: remember_cluster(self.address.text().strip()))
        self.choose.clicked.connect(self._on_choose)

    def _on_change(self) -> None:
        elsewhere = self.where.currentData() == "cluster"
        self._cluster.setVisible(elsewhere)
        self._models.cluster = self.address.text().strip() if elsewhere else None

    def _on_choose(self) -> None:
        path, _ = QFileDialog.getOpenFileName(
            self, "A file that describes a cluster", "", "Clusters (*.yaml *.yml);;All files (*)"
        )
        if path:
            self.address.setText(path)
            remember_cluster(path)
