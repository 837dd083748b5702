"""The sample course, built once."""

from pathlib import Path

import pytest
from in_process_kernel import use_test_process

SAMPLE = Path(__file__).with_name("sample")


@pytest.fixture
def in_test_process(monkeypatch: pytest.MonkeyPatch) -> None:
    use_test_process(monkeypatch)


@pytest.fixture(scope="session")
def sample_site(tmp_path_factory: pytest.TempPathFactory, program_cache: Path) -> Path:
    """The folder of the site. Executed pages are in the cache of the tests, from which they may build it again."""
    from pellucid.course.site import build_site

    folder = tmp_path_factory.mktemp("course")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PELLUCID_CACHE", str(program_cache))
        use_test_process(patch)
        build_site(folder / "site", sections={"": SAMPLE})
    return folder / "site"
