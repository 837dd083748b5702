"""`fit` agrees with Keras: histories with sample and class weights, streaming metrics, single batches."""

import pytest

from tests.nn.peers import fit as peers
from tests.nn.peers import store

GOLDEN = store.load("fit")


@pytest.mark.sample(2)
@pytest.mark.parametrize("case", peers.CASES)
def test_fit_agrees_with_keras(case: str) -> None:
    store.compare(peers.by_pellucid(case), GOLDEN[case])


@pytest.mark.peer
@pytest.mark.filterwarnings("ignore:__array__ implementation")  # in Keras
@pytest.mark.parametrize("case", peers.CASES)
def test_golden_values_are_those_of_keras(case: str) -> None:
    pytest.importorskip("keras")
    store.compare(peers.by_keras(case), GOLDEN[case])
