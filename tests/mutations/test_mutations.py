"""Wrong changes of the source are noticed by the tests that the table names."""

import pytest

from tests.mutations.harness import ROOT, Mutation, find_failures, read_table

TABLE = read_table()


def test_every_mutation_changes_one_place_of_its_file() -> None:
    assert len({m.name for m in TABLE}) == len(TABLE) >= 60
    for mutation in TABLE:
        text = (ROOT / mutation.file).read_text("utf-8")
        assert text.count(mutation.before) == 1, f"{mutation.name}: write `before` anew in table.toml"
        assert mutation.before != mutation.after, mutation.name
        missing = [path for test in mutation.tests if not (ROOT / (path := test.partition("::")[0])).exists()]
        assert not missing, mutation.name


@pytest.mark.slow
@pytest.mark.parametrize("mutation", TABLE, ids=lambda m: m.name)
def test_a_mutation_is_noticed(mutation: Mutation) -> None:
    if mutation.file.startswith("web/") and not (ROOT / "web" / "node_modules").is_dir():
        pytest.skip("web/node_modules is missing: run `make check-runtime`")
    noticed, output = find_failures(mutation, mutation.tests)
    assert noticed, f"{mutation.effect}\n{output}"
