"""The pattern language: worked examples, errors, names of plans and functions."""

from __future__ import annotations

from typing import Any

import pytest

from qs_kernel_worker.name_patterns import (
    Pattern,
    parse_entry,
    parse_name_entry,
    select_devices,
    select_names,
)


def node(flags: str = "R", **components: Any) -> dict[str, Any]:
    description: dict[str, Any] = {
        "is_readable": "R" in flags,
        "is_movable": "M" in flags,
        "is_flyable": "F" in flags,
    }
    return {**description, "components": components} if components else description


DEVICES = {
    "stage": node(
        "RM",
        x=node("RM", readback=node(), setpoint=node("RM")),
        y=node("RM", readback=node(), setpoint=node("RM")),
        cam=node("R", stats=node(), fly=node("F")),
    ),
    "det1": node(val=node()),
    "det2": node(val=node()),
    "motor": node("RM", readback=node(), setpoint=node("RM")),
    "motor2": node("RM"),
    "flyer": node("F"),
    "_hidden": node(val=node()),
}

EVERY_NODE = (
    "stage stage.x stage.x.readback stage.x.setpoint stage.y stage.y.readback "
    "stage.y.setpoint stage.cam stage.cam.stats stage.cam.fly det1 det1.val det2 det2.val "
    "motor motor.readback motor.setpoint motor2 flyer _hidden _hidden.val"
)
STAGE = " ".join(name for name in EVERY_NODE.split() if name.startswith("stage"))

EXAMPLES = [
    ("det1", "det1"),
    ("det1.val", "det1.val"),
    ("nosuch", "nosuch"),
    (":det", "det1 det2"),
    (":.*", "stage det1 det2 motor motor2 flyer _hidden"),
    (":^det:val", "det1 det1.val det2 det2.val"),
    (":+^det:+val", "det1 det1.val det2 det2.val"),
    (":-^det:val$", "det1.val det2.val"),
    (":-^det:-val$", "det1.val det2.val"),
    (":stage:x:readback", "stage stage.x stage.x.readback"),
    (":-stage:-x:readback", "stage.x.readback"),
    (":?.*", EVERY_NODE),
    (":?.*:depth=1", "stage det1 det2 motor motor2 flyer _hidden"),
    (
        ":?.*:depth=2",
        "stage stage.x stage.y stage.cam det1 det1.val det2 det2.val motor motor.readback "
        "motor.setpoint motor2 flyer _hidden _hidden.val",
    ),
    (":?^stage:depth=2", "stage stage.x stage.y stage.cam"),
    (":^stage$:?.*", STAGE),
    (":^stage$:?.*:depth=1", "stage stage.x stage.y stage.cam"),
    (":^stage$:?.*:depth=2", STAGE),
    (":-^stage$:?back$", "stage.x.readback stage.y.readback"),
    (":?x", "stage.x stage.x.readback stage.x.setpoint"),
    (":?^x", ""),
    (r":?.*\.x$", "stage.x"),
    (
        "__MOTOR__:?.*",
        "stage stage.x stage.x.setpoint stage.y stage.y.setpoint motor motor.setpoint motor2",
    ),
    ("__DETECTOR__:?.*:depth=1", "det1 det2 _hidden"),
    ("__READABLE__:.*", "stage det1 det2 motor motor2 _hidden"),
    ("__FLYABLE__:?.*", "stage.cam.fly flyer"),
    ("__MOTOR__:^stage$:?.*:depth=1", "stage stage.x stage.y"),
    (":^(det1)|(motor)$", "det1 motor"),
    (":^DET", ""),
    (":(?i)^DET", "det1 det2"),
    (" : ^ det : val ", "det1 det1.val det2 det2.val"),
    (" det1 ", "det1"),
]

ERRORS = [
    ("", "is an empty string"),
    ("  ", "is an empty string"),
    (":", "contains empty components"),
    (":a:", "contains empty components"),
    (":a::b", "contains empty components"),
    (":+", "contains empty components"),
    (":?", "contains empty components"),
    (":*a", "contains invalid regular expression"),
    (":[", "contains invalid regular expression"),
    (":^(?:det)", "contains invalid regular expression"),
    (":?+a", "contains invalid regular expression"),
    (":a{99999999999}", "contains invalid regular expression"),
    (":?a:b", "can be only followed by the depth specification"),
    (":?a:depth=2:b", "must be the last"),
    (":?a:depth=0", "must be positive integer greater or equal to 1"),
    (":?a:depth=x", "has incorrect format"),
    (":a:depth=2", "is allowed only after a level that begins with"),
    ("__MOVABLE__:.*", "Device type '__MOVABLE__' is not supported"),
    ("__DEVICE__:.*", "Device type '__DEVICE__' is not supported"),
    ("det-1", "contains invalid characters"),
    ("1det", "contains invalid characters"),
    ("det.", "contains invalid characters"),
    (".det", "contains invalid characters"),
    ("det.1b", "contains invalid characters"),
    ("d$et", "contains invalid characters"),
    ("co unt", "contains invalid characters"),
    (".*", "contains invalid characters"),
    ("^count$", "contains invalid characters"),
    ("a..b", "is an empty string"),
]


@pytest.mark.parametrize(("entry", "expected"), EXAMPLES)
def test_an_entry_selects_the_documented_devices(entry: str, expected: str) -> None:
    assert select_devices(entry, DEVICES) == set(expected.split())


@pytest.mark.parametrize(("entry", "text"), ERRORS)
def test_a_malformed_entry_is_refused_with_the_documented_text(entry: str, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        parse_entry(entry)


@pytest.mark.parametrize("entry", [None, 5, ["det1"]])
def test_an_entry_that_is_no_string_is_a_type_error(entry: Any) -> None:
    with pytest.raises(TypeError, match="must be a string"):
        parse_entry(entry)


def test_only_one_sign_is_taken_off_a_level() -> None:
    level = parse_entry(":+-a").levels[0]
    assert (level.regex.pattern, level.selects) == ("-a", True)


def test_entries_may_be_mixed_and_parsed_beforehand() -> None:
    entries = ["flyer", parse_entry(":^motor"), ":-^det:val"]
    assert select_devices(entries, DEVICES) == {
        "flyer",
        "motor",
        "motor2",
        "det1.val",
        "det2.val",
    }


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("count", "count"),
        ("nosuch", "nosuch"),
        (":^count", "count count_test"),
        (":+^count", "count count_test"),
        (":-^count", "count count_test"),
        (":?^count", "count count_test"),
        (":scan$", "scan rel_scan"),
    ],
)
def test_an_entry_selects_names_of_plans(entry: str, expected: str) -> None:
    names = ["count", "count_test", "scan", "rel_scan", "_inner"]
    assert select_names(entry, names) == set(expected.split())


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ("a.b", "have no components"),
        (":a:b", "contains 2 levels"),
        (":a:?b", "contains 2 levels"),
        ("__READABLE__:count", "can not be used with names of plans"),
        (":?count:depth=1", "depth specification can not be used"),
    ],
)
def test_names_of_plans_have_one_level_and_no_kind(entry: str, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        parse_name_entry(entry)


def test_an_explicit_name_is_kept_as_such() -> None:
    assert parse_entry("stage.x") == Pattern("stage.x", name="stage.x")
