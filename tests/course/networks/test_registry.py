import pkgutil
import subprocess
import sys

import pytest

import pellucid.course.networks
from pellucid.course.networks.registry import NAMES, find_experiment
from pellucid.course.tour.next_steps import CHAPTERS
from pellucid.tracking import UsageError

HEAVY = ("jax", "sklearn", "matplotlib", "PIL", "rich.progress")


def test_every_file_is_an_experiment_of_its_name_and_every_name_has_a_file() -> None:
    files = {module.name for module in pkgutil.iter_modules(pellucid.course.networks.__path__) if not module.ispkg}
    assert files - {"registry"} == {name.replace("-", "_") for name in NAMES}
    assert [find_experiment(name).name for name in NAMES] == list(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_experiment_has_a_title_an_idea_and_formulas(name: str) -> None:
    from latex2mathml.converter import convert

    experiment = find_experiment(name)
    assert experiment.title
    assert experiment.idea.count(".") >= 2
    assert experiment.formulas
    assert experiment.chapters
    assert set(experiment.chapters) <= set(range(1, 1 + len(CHAPTERS)))
    for formula in experiment.formulas:
        assert convert(formula).startswith("<math")


def test_experiments_are_in_the_order_of_the_chapters() -> None:
    chapters = [find_experiment(name).chapters for name in NAMES]
    assert chapters == sorted(chapters, key=lambda numbers: numbers[0])


def test_a_misspelled_name_gets_a_suggestion() -> None:
    with pytest.raises(UsageError, match=r"no experiment 'logstic'\. Did you mean 'logistic'\?"):
        find_experiment("logstic")
    with pytest.raises(UsageError, match=r"no experiment 'zzz'\. The experiments are "):
        find_experiment("zzz")


def test_listing_the_experiments_imports_nothing_heavy() -> None:
    program = f"""
import sys
from pellucid.cli import main
assert main(["run", "--list"]) == 0
assert not [name for name in {HEAVY} if name in sys.modules], [name for name in {HEAVY} if name in sys.modules]
"""
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
