"""Pages of Chromium, as in the tests of live figures."""

from tests.live.conftest import open_page, tabs

__all__ = ["open_page", "tabs"]
