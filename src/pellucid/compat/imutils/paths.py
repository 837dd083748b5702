"""Paths of the images in a folder and those below it; folders, and names in a folder, are sorted."""

import os

from pellucid.compat.missing_names import add_missing_name_errors

image_types = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff")


def list_files(basePath, validExts=None, contains=None):
    for folder, folders, names in os.walk(basePath):
        folders.sort()
        for name in sorted(names):
            suffix = name[name.rfind(".") :].lower()
            if (contains is None or contains in name) and (validExts is None or suffix.endswith(validExts)):
                yield f"{folder}{os.sep}{name}"


list_images = lambda basePath, contains=None: list_files(basePath, image_types, contains)
add_missing_name_errors(globals(), "imutils.paths")
