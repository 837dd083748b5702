"""Paths of images, as in imutils; its functions on images are those of `pellucid.compat.cv2`."""

from pellucid.compat.missing_names import add_missing_name_errors

ADVICE = {"resize": "cv2.resize takes (width, height)", "opencv2matplotlib": "image[..., ::-1] does the same"}
add_missing_name_errors(globals(), "imutils", ADVICE)
