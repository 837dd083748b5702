import re
from pathlib import Path
from typing import Annotated, Any

import pytest

from pellucid.tracking import Experiment, Range, UsageError
from pellucid.tracking.parameters import format_value, get_parameters, parse_assignments


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("passes=20_000", 20_000),
        ("rate=0.5", 0.5),
        ("rate=1e-3", 1e-3),
        ("shuffle=No", False),
        ("solver=adam", "adam"),
        ("label=a=b, c", "a=b, c"),
        ("data=photos", Path("photos")),
        ("data=none", None),
        ("sizes=3", (3,)),
        ("sizes=1, 2,3", (1, 2, 3)),
        ("strengths=0,1e-2", (0.0, 0.01)),
    ],
)
def test_a_setting_is_parsed_by_its_annotation(experiments: dict[str, Experiment], text: str, value: Any) -> None:
    key = text.partition("=")[0]
    assert parse_assignments(experiments["sample"].parameters, [text]) == {key: value}


def test_hyphens_and_underscores_are_equivalent() -> None:
    def function(*, batch_size: Annotated[int, "rows at once"] = 1) -> None: ...

    assert parse_assignments(get_parameters(function), ["batch-size=3"]) == {"batch_size": 3}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("passses=3", "no parameter 'passses'. Did you mean 'passes'?"),
        ("zzz=3", "no parameter 'zzz'. The parameters are passes, rate,"),
        ("passes", "--set: expected KEY=VALUE; received 'passes'"),
        ("passes=many", "passes: expected an integer, 1 or more; received 'many'. The default is 20: write --set "),
        ("passes=1.5", "expected an integer, 1 or more; received '1.5'"),
        ("passes=0", "expected an integer, 1 or more; received '0'"),
        ("rate=1", "rate: expected a number, between 0 and 1, exclusive; received '1'. The default is 0.1"),
        ("rate=nan", "rate: expected a number"),
        ("strengths=1,inf", "strengths: expected numbers separated by commas, 0 or more; received '1,inf'"),
        ("solver=adan", "received 'adan'. Did you mean 'adam'? The default is sgd"),
        ("shuffle=maybe", "shuffle: expected true or false; received 'maybe'. The default is true"),
        ("solver=lbfgs", "solver: expected one of sgd, adam; received 'lbfgs'. The default is sgd"),
        ("sizes=1,,2", "sizes: expected integers separated by commas, 1 or more; received '1,,2'"),
        ("sizes=1,0", "1 or more; received '1,0'. The default is 1,2,50: write --set sizes=1,2,50"),
    ],
)
def test_a_wrong_setting_is_explained(experiments: dict[str, Experiment], text: str, message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        parse_assignments(experiments["sample"].parameters, [text])


def test_a_setting_given_twice_is_refused(experiments: dict[str, Experiment]) -> None:
    with pytest.raises(UsageError, match=r"passes: set twice \(3 and 4\). Remove one of them"):
        parse_assignments(experiments["sample"].parameters, ["passes=3", "passes=4"])


@pytest.mark.parametrize("settings", [{"passes": 0}, {"passes": True}, {"passes": "3"}, {"sizes": ()}, {"rate": None}])
def test_values_from_python_are_checked_too(experiments: dict[str, Experiment], settings: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="expected"):
        experiments["sample"].check_settings(settings)


def test_values_fill_in_the_defaults_and_take_whole_numbers_as_numbers(experiments: dict[str, Experiment]) -> None:
    values = experiments["sample"].check_settings({"strengths": (1, 2)})
    assert values["passes"] == 20
    assert values["strengths"] == (1.0, 2.0)
    assert isinstance(values["strengths"][0], float)


def test_every_default_round_trips_as_text(experiments: dict[str, Experiment]) -> None:
    for parameter in experiments["sample"].parameters.values():
        assert parameter.parse(parameter.default_text) == parameter.default


def test_a_default_out_of_range_is_an_error_of_the_experiment() -> None:
    def function(*, passes: Annotated[int, Range(1), "passes"] = 0) -> None: ...

    with pytest.raises(UsageError, match="passes: expected an integer, 1 or more; received 0"):
        get_parameters(function)


def test_a_parameter_without_a_description_is_an_error_of_the_experiment() -> None:
    def bare(*, passes: int = 3) -> None: ...

    def silent(*, passes: Annotated[int, Range(1)] = 3) -> None: ...

    with pytest.raises(TypeError, match='passes: expected Annotated\\[kind, "description"\\] = default'):
        get_parameters(bare)
    with pytest.raises(TypeError, match="passes: expected a description"):
        get_parameters(silent)


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Range(), "any"),
        (Range(1), "1 or more"),
        (Range(0, open=True), "more than 0"),
        (Range(high=5), "5 or less"),
        (Range(high=5, open=True), "less than 5"),
        (Range(0, 2**32 - 1), "from 0 to 4294967295"),
    ],
)
def test_a_range_is_formatted(limits: Range, words: str) -> None:
    assert str(limits) == words


def test_values_are_formatted_for_the_command_line() -> None:
    assert format_value((0.5, 1.0)) == "0.5,1.0"


def test_an_integer_may_have_an_exponent(experiments: dict[str, Experiment]) -> None:
    passes = experiments["sample"].parameters["passes"]
    assert passes.parse("1e3") == 1000
    for text in ("1.5e0", "1e999", "e"):
        with pytest.raises(UsageError, match="passes: expected an integer, 1 or more; received"):
            passes.parse(text)
