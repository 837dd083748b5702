"""Snapshots of a training, from which it goes on; so seldom that a small network does not wait for the disk."""

import time
from typing import Any

from pellucid.training.callbacks.backup import BackupAndRestore

SECONDS_BETWEEN = 1.0
"""An epoch is followed by a snapshot if the last one is so old; what is lost takes no longer to do again."""


class Snapshots(BackupAndRestore):
    """Keep what training came to in a file, and go on from there; the file stays when training is done.

    Parameters
    ----------
    backup_dir : str or path
        The folder of the file.
    """

    def __init__(self, backup_dir: Any) -> None:
        super().__init__(backup_dir, delete_checkpoint=False)
        self.latest = -SECONDS_BETWEEN

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Write the file, unless that has just been done."""
        if epoch + 1 == self.params["epochs"] or time.perf_counter() - self.latest >= SECONDS_BETWEEN:
            self.back_up()
            self.latest = time.perf_counter()
