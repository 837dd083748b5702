"""`tf.gfile`: files and folders, with Python's functions."""

import glob
import os
import shutil
from pathlib import Path


def check_target(function):
    """Return a function of two paths that replaces the second only with ``overwrite``."""

    def call(oldname, newname, overwrite=False):
        if not overwrite and Path(newname).exists():
            raise FileExistsError(f"{newname} exists. Pass overwrite=True to replace it")
        function(oldname, newname)

    return call


NAMES = {
    "GFile": open, "FastGFile": open, "Open": open, "Exists": os.path.exists, "IsDirectory": os.path.isdir,
    "ListDirectory": os.listdir, "Glob": glob.glob, "Walk": os.walk, "Stat": os.stat, "MkDir": os.mkdir,
    "MakeDirs": lambda dirname: Path(dirname).mkdir(parents=True, exist_ok=True), "Remove": os.remove,
    "DeleteRecursively": shutil.rmtree, "Copy": check_target(shutil.copyfile), "Rename": check_target(os.replace),
}  # fmt: skip
