"""Pages of Chromium, as in the tests of live figures."""

from tests.live.conftest import check_on_a_phone, check_with_axe, open_page, tabs

__all__ = ["check_on_a_phone", "check_with_axe", "open_page", "tabs"]
