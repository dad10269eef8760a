"""The catalogue: tables of the groups, checks with the texts clients see, calls."""

from __future__ import annotations

import copy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from qs_jupyter.errors import NotAllowed
from qs_jupyter.model.catalogue import Catalogue, compiled, merged_metadata
from qs_jupyter.model.existing import read_existing
from qs_jupyter.model.permissions import Permissions
from tests.unit.descriptions import (
    KEYWORD_ONLY,
    POSITIONAL_ONLY,
    VAR_KEYWORD,
    VAR_POSITIONAL,
    parameter,
)

PROFILE = Path(__file__).parents[2] / "profile_collection_sim"


def device(**components: Any) -> dict[str, Any]:
    described = {"is_readable": True, "is_movable": False, "is_flyable": False}
    return {**described, "components": components} if components else described


DEVICES = {
    "det1": device(val=device()),
    "det2": device(),
    "motor": device(readback=device()),
    "secret": device(inner=device()),
}


def plan(name: str, *parameters: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "properties": {}, "parameters": list(parameters)}


COUNT = plan(
    "count",
    parameter("detectors", "collections.abc.Sequence[__READABLE__]", convert_device_names=True),
    parameter("num", "int | None", default="1"),
    parameter("md", kind=KEYWORD_ONLY, default="None"),
)
FREE = plan("free", parameter("args", kind=VAR_POSITIONAL), parameter("kw", kind=VAR_KEYWORD))
CHOOSE = plan(
    "choose",
    parameter("dets", "typing.List[D]", devices={"D": ["det1", "secret", "nosuch"]}),
    parameter("inner", "P", plans={"P": ["count", "_hidden"]}, default="'count'"),
)
PLANS = {"count": COUNT, "free": FREE, "choose": CHOOSE, "_hidden": plan("_hidden")}

RULES: dict[str, Any] = {
    "user_groups": {
        "root": {
            "allowed_plans": [None],
            "forbidden_plans": [":^_"],
            "allowed_devices": [None],
            "allowed_functions": [None],
            "forbidden_functions": [":^_"],
        },
        "primary": {
            "allowed_plans": [":.*"],
            "allowed_devices": [":?.*"],
            "forbidden_devices": ["secret"],
            "allowed_functions": ["one_shot"],
        },
        "narrow": {"allowed_plans": ["count"], "allowed_devices": [":det"]},
    }
}


def catalogue(**plans: Any) -> Catalogue:
    return Catalogue({**PLANS, **plans}, DEVICES, Permissions.parse(RULES))


def item(name: str = "count", *args: Any, **kwargs: Any) -> dict[str, Any]:
    return {"item_type": "plan", "name": name, "args": list(args), "kwargs": kwargs}


def refusal(plan_item: Any, group: str = "primary", **plans: Any) -> str:
    with pytest.raises(NotAllowed) as error:
        catalogue(**plans).check_plan(plan_item, group)
    return str(error.value)


# --------------------------------------------------------------------------------- groups


def test_groups_are_those_of_the_permissions() -> None:
    known = catalogue()
    assert known.has_group("root")
    assert known.has_group("narrow")
    assert not known.has_group("zz")
    assert not known.has_group(["root"])  # type: ignore[arg-type]


def test_an_unknown_group_is_named() -> None:
    known = catalogue()
    for ask in (known.plans_allowed, known.devices_allowed, known.device_names):
        with pytest.raises(NotAllowed) as error:
            ask("zz")
        assert str(error.value) == "Unknown user group: 'zz'"
    with pytest.raises(NotAllowed, match=r"Unknown user group: 'primry' \(did you mean 'primary"):
        known.check_plan(item(), "primry")
    with pytest.raises(NotAllowed, match=r"Unknown user group: \['primary'\]"):
        known.check_plan(item(), ["primary"])  # type: ignore[arg-type]


def test_a_group_sees_its_plans_with_its_choices_only() -> None:
    known = catalogue()
    before = copy.deepcopy(PLANS)
    assert list(known.plans_allowed("root")) == ["count", "free", "choose"]
    assert list(known.plans_allowed("narrow")) == ["count"]
    dets, inner = known.plans_allowed("primary")["choose"]["parameters"]
    assert dets["annotation"] == {"type": "typing.List[D]", "devices": {"D": ["det1"]}}
    assert inner["annotation"]["plans"] == {"P": ["count"]}
    assert known.plans_allowed("primary")["count"] is COUNT
    assert before == PLANS


def test_without_permissions_everything_is_closed() -> None:
    known = Catalogue(PLANS, DEVICES, Permissions.nothing())
    assert known.plans_allowed("root") == {}
    assert known.devices_allowed("root") == {}
    with pytest.raises(NotAllowed, match="not in the list of allowed plans"):
        known.check_plan(item("count", ["det1"]), "root")


def test_other_lists_and_permissions_make_another_catalogue_that_shares_what_stayed() -> None:
    first = catalogue()
    first.check_plan(item("count", ["det1"]), "primary")
    second = first.with_lists(copy.deepcopy(PLANS) | {"new": plan("new")}, DEVICES)
    assert second.plans["count"] is COUNT
    assert second._compiled[id(COUNT)] is first._compiled[id(COUNT)]
    assert "new" in second.plans_allowed("primary")
    assert "new" not in first.plans_allowed("primary")
    third = second.with_permissions(Permissions.parse({"user_groups": {"root": {}}}))
    assert third.plans is second.plans
    assert not third.has_group("primary")
    assert third.plans_allowed("root") == {}


# --------------------------------------------------------------------------------- checks


def test_a_plan_that_fits_passes_in_silence() -> None:
    catalogue().check_plan(item("count", ["det1", "no_such_device"], num=5), "primary")
    catalogue().check_plan({"name": "free"}, "primary")


def test_an_unknown_plan_is_refused_with_a_suggestion() -> None:
    wrong = item("conut")
    assert refusal(wrong) == (
        "Plan validation failed: Plan 'conut' is not in the list of allowed plans. "
        f"(did you mean 'count'?)\nPlan: {wrong!r}"
    )
    assert refusal(item("nope")).startswith(
        "Plan validation failed: Plan 'nope' is not in the list of allowed plans.\nPlan: {"
    )


def test_a_plan_that_the_group_may_not_use_is_refused_and_explained() -> None:
    text = refusal(item("free"), "narrow")
    assert "Plan 'free' is not in the list of allowed plans. (it exists, but" in text


@pytest.mark.parametrize("name", [5, ["count"]])
def test_a_name_that_is_no_text_is_refused(name: Any) -> None:
    assert f"Plan {name!r} is not in the list" in refusal({"name": name})


@pytest.mark.parametrize("item", [{}, {"name": None}])
def test_a_plan_without_a_name_is_told_so(item: dict[str, Any]) -> None:
    assert "The name of the plan is not specified" in refusal(item)


def test_a_call_that_does_not_fit_is_refused_with_the_reason() -> None:
    text = refusal(item("count", ["det1"], abc=5))
    assert text.startswith("Plan validation failed: got an unexpected keyword argument 'abc'\nPlan")
    assert "missing a required argument: 'detectors'" in refusal(item("count"))
    assert "Incorrect parameter type: key='num'" in refusal(item("count", ["det1"], num=5.0))


def test_choices_are_those_of_the_group() -> None:
    assert "Input should be 'det1' [type=enum" in refusal(item("choose", ["secret"]))
    catalogue().check_plan(item("choose", ["secret"]), "root")
    assert "Input should be 'det1' or 'secret'" in refusal(item("choose", ["nosuch"]), "root")


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("args", 5, "Plan parameter 'args' must be a list, not 'int'"),
        ("args", "det1", "Plan parameter 'args' must be a list, not 'str'"),
        ("kwargs", [1], "Plan parameter 'kwargs' must be a dictionary, not 'list'"),
        ("kwargs", {5: 1}, "Plan parameter 'kwargs' must have strings as keys"),
        ("meta", 5, "Plan parameter 'meta' must be a dictionary or a list of dictionaries"),
        ("meta", None, "Plan parameter 'meta' must be a dictionary or a list of dictionaries"),
        ("meta", [{}, 5], "Plan parameter 'meta' must be a dictionary or a list of dictionaries"),
    ],
)
def test_containers_of_the_wrong_kind_are_refused(key: str, value: Any, text: str) -> None:
    wrong = {**item("free"), key: value}
    assert refusal(wrong) == f"Plan validation failed: {text}\nPlan: {wrong!r}"


def test_a_very_long_plan_is_cut_in_the_text() -> None:
    assert len(refusal(item("count", ["det1"] * 5000, abc=1))) < 5000


def test_arguments_that_are_nested_without_end_are_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    limited = plan("limited", parameter("k", max="5"))
    assert "nested too deeply" in refusal(item("limited", endless), limited=limited)
    with pytest.raises(NotAllowed, match="nested too deeply"):
        catalogue().call(item("free", endless), "primary")


def test_a_plan_with_a_useless_description_is_refused_and_others_are_not() -> None:
    broken = plan("broken", parameter("k", "nosuch"))
    assert "Plan validation failed: Type 'nosuch' of parameter 'k' is unknown" in refusal(
        item("broken", 5), broken=broken
    )
    catalogue(broken=broken).check_plan(item("free"), "primary")


# ---------------------------------------------------------------------------------- calls


def converted(described: dict[str, Any], *args: Any, **kwargs: Any) -> dict[str, list[str]]:
    known = catalogue(p=described)
    return known.call(item("p", *args, **kwargs), "primary").convert


def test_a_call_carries_the_values_as_sent() -> None:
    sent = item("count", ["det1", "det2"], num=5)
    call = catalogue().call(sent, "primary")
    assert (call.args, call.kwargs) == ([["det1", "det2"]], {"num": 5})
    assert call.convert == {"detectors": ["det1", "det2"]}
    assert call.metadata == {}
    call.args.append(5)
    assert sent["args"] == [["det1", "det2"]]


def test_a_call_is_checked_first() -> None:
    with pytest.raises(NotAllowed, match="Plan validation failed"):
        catalogue().call(item("count"), "primary")


VALUES = ["det1", "det1.val", "secret", "secret.inner", "count", "_hidden", "nosuch", "one_shot"]
GROUP_DEVICES = ["det1", "det1.val", "secret.inner"]


@pytest.mark.parametrize(
    ("type_", "more", "expected"),
    [
        (None, {}, [*GROUP_DEVICES, "count"]),
        (None, {"convert_device_names": False}, ["count"]),
        (None, {"convert_device_names": False, "convert_plan_names": False}, []),
        ("typing.Any", {}, []),
        ("typing.Any", {"convert_device_names": True}, GROUP_DEVICES),
        ("typing.Any", {"convert_plan_names": True}, ["count"]),
        ("list[__DEVICE__]", {}, GROUP_DEVICES),
        ("list[__READABLE__]", {"convert_device_names": True}, GROUP_DEVICES),
        ("list[__MOVABLE__]", {"convert_device_names": False}, []),
        ("list[__PLAN__]", {}, ["count"]),
        ("list[__PLAN_OR_DEVICE__]", {}, [*GROUP_DEVICES, "count"]),
        ("list[__CALLABLE__ | str]", {}, ["count", "one_shot"]),
        ("list[str]", {"eval_expressions": True}, ["count", "one_shot"]),
        ("list[bluesky.protocols.HasHints]", {}, GROUP_DEVICES),
    ],
)
def test_which_names_become_objects(
    type_: str | None, more: dict[str, Any], expected: list[str]
) -> None:
    found = converted(plan("p", parameter("k", type_, **more)), VALUES)
    assert found == ({"k": sorted(expected)} if expected else {})


def test_of_listed_names_only_those_that_are_listed_and_permitted_become_objects() -> None:
    lists = {"devices": {"D": ["det1"]}, "plans": {"P": ["count", "free"]}}
    described = plan("p", parameter("k", "list[typing.Union[D, P, str]]", **lists))
    assert converted(described, VALUES) == {"k": ["count", "det1"]}


def test_enumerated_texts_are_never_objects() -> None:
    described = plan("p", parameter("k", "E", enums={"E": ["det1"]}))
    assert converted(described, "det1") == {}


def test_names_are_found_in_lists_and_values_but_not_in_keys_and_only_letter_by_letter() -> None:
    described = plan("p", parameter("k"))
    assert converted(described, [{"det2": ["det1"]}, ("motor",)]) == {"k": ["det1", "motor"]}
    assert converted(described, ["det 1", " det1", "DET1"]) == {}


@pytest.mark.parametrize("name", ["md", "metadata"])
def test_metadata_is_never_converted(name: str) -> None:
    described = plan("p", parameter(name))
    assert converted(described, {"sample": "det1"}) == {}
    assert catalogue().call(
        item("free", "det1", **{name: {"x": "det1"}, "k": "det2"}), "primary"
    ).convert == {"args": ["det1"], "kw": ["det2"]}


NO_CALLABLES = ("exec", "RE", "one_shot.__globals__", "one_shot.x", "__import__", "one_shot()")


@pytest.mark.parametrize("type_", ["__CALLABLE__ | str", "list[typing.Any] | __CALLABLE__"])
def test_callables_need_the_permission_for_functions(type_: str) -> None:
    described = plan("p", parameter("k", type_))
    for name in NO_CALLABLES:
        assert converted(described, name) == {}
    known = catalogue(p=described)
    assert known.call(item("p", "RE"), "root").convert == {"k": ["RE"]}


@pytest.mark.parametrize(
    ("type_", "tentative"),
    [
        ("list[__CALLABLE__ | str]", ["RE", "det1", "fast"]),
        ("list[typing.Union[__DEVICE__, __CALLABLE__]]", ["RE", "fast"]),
        ("list[__CALLABLE__]", []),
        ("list[__DEVICE__]", []),
    ],
)
def test_text_that_may_be_a_function_or_only_text_is_tentative(
    type_: str, tentative: list[str]
) -> None:
    known = catalogue(p=plan("p", parameter("k", type_)))
    call = known.call(item("p", ["det1", "count", "RE", "fast"]), "root")
    assert call.tentative == ({"k": tentative} if tentative else {})
    assert set(tentative) <= set(call.convert["k"])


@pytest.mark.parametrize(
    ("type_", "wrap"),
    [
        ("__CALLABLE__", lambda name: name),
        ("typing.Optional[typing.Callable]", lambda name: name),
        ("__CALLABLE__ | list[__CALLABLE__]", lambda name: ["one_shot", name]),
        ("tuple[int, collections.abc.Callable[..., str]]", lambda name: [1, name]),
    ],
)
def test_where_only_a_callable_makes_sense_other_text_is_refused_at_once(
    type_: str, wrap: Callable[[str], Any]
) -> None:
    described = plan("p", parameter("k", type_, default="None"))
    for name in NO_CALLABLES:
        assert f"{name!r} is no function or plan that group 'primary' may use (parameter 'k')" in (
            refusal(item("p", k=wrap(name)), p=described)
        )
    catalogue(p=described).check_plan(item("p", k=wrap("one_shot")), "primary")
    catalogue(p=described).check_plan(item("p"), "primary")


def test_a_misspelt_plan_among_callables_is_refused_with_a_suggestion() -> None:
    described = plan("p", parameter("k", "__CALLABLE__"))
    text = refusal(item("p", "conut"), p=described)
    assert "(did you mean 'count'?). Functions are opened to a group by 'allowed_fun" in text


def test_plans_that_the_group_may_run_are_callables_too() -> None:
    described = plan("p", parameter("k", "list[__CALLABLE__]"))
    assert converted(described, ["count", "one_shot"]) == {"k": ["count", "one_shot"]}
    assert "'_hidden' is no function or plan" in refusal(item("p", ["_hidden"]), p=described)


def test_defaults_of_the_decorator_are_added_and_converted_like_values() -> None:
    described = plan(
        "p",
        parameter("first", default="1"),
        parameter(
            "name",
            "typing.List[D]",
            devices={"D": ["det1", "det2"]},
            default="['det1']",
            default_defined_in_decorator=True,
        ),
        parameter("only", "str", KEYWORD_ONLY, default="'det2'", default_defined_in_decorator=True),
    )
    known = catalogue(p=described)
    call = known.call(item("p"), "primary")
    assert (call.args, call.kwargs) == ([], {"name": ["det1"], "only": "det2"})
    assert call.convert == {"name": ["det1"]}
    call.kwargs["name"].append("spoilt")
    assert known.call(item("p"), "primary").kwargs["name"] == ["det1"]
    call = known.call(item("p", 5, ["det2"], only="x"), "primary")
    assert (call.args, call.kwargs) == ([5, ["det2"]], {"only": "x"})


def test_defaults_of_positional_only_parameters_are_passed_by_position() -> None:
    described = plan(
        "p",
        parameter("a", kind=POSITIONAL_ONLY, default="7"),
        parameter("b", kind=POSITIONAL_ONLY, default="'det1'", default_defined_in_decorator=True),
        parameter("c", kind=POSITIONAL_ONLY, default="9"),
    )
    known = catalogue(p=described)
    assert known.call(item("p"), "primary").args == [7, "det1"]
    assert known.call(item("p", 1), "primary").args == [1, "det1"]
    assert known.call(item("p", 1, 2), "primary").args == [1, 2]
    assert known.call(item("p"), "primary").convert == {"b": ["det1"]}


def test_of_several_maps_of_metadata_the_earlier_ones_win() -> None:
    maps = [{"a": 1}, {"a": 2, "b": 2}, {"b": 3, "c": 3}]
    assert merged_metadata(maps) == {"a": 1, "b": 2, "c": 3}
    assert merged_metadata({"a": 1}) == {"a": 1}
    assert merged_metadata([]) == {}
    sent = {**item("free"), "meta": maps}
    assert catalogue().call(sent, "primary").metadata == {"a": 1, "b": 2, "c": 3}


def test_importing_the_catalogue_does_not_load_pydantic() -> None:
    code = (
        "import sys; import qs_jupyter.model.catalogue; "
        "print([m for m in sys.modules if m.startswith('pydantic')])"
    )
    path = [*sys.path]
    found = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:] = {path!r}; {code}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert found.stdout.strip() == "[]"


# ------------------------------------------------------------------ the simulated profile


@pytest.fixture(scope="module")
def profile() -> Catalogue:
    found = read_existing(yaml.safe_load((PROFILE / "existing_plans_and_devices.yaml").read_text()))
    assert found.warnings == ()
    rules = yaml.safe_load((PROFILE / "user_group_permissions.yaml").read_text())
    return Catalogue(found.plans, found.devices, Permissions.parse(rules))


def test_every_description_of_the_simulated_profile_can_be_used(profile: Catalogue) -> None:
    for name, description in profile.plans.items():
        assert set(compiled(description).rules) == {
            parameter["name"] for parameter in description["parameters"]
        }, name


@pytest.mark.parametrize(
    ("sent", "convert"),
    [
        (
            item("count", ["det1", "det2"], num=10, delay=1),
            {"detectors": ["det1", "det2"]},
        ),
        (
            item("scan", ["det1", "det2"], "motor", -1, 1, 10),
            {"detectors": ["det1", "det2"], "args": ["motor"]},
        ),
        (
            item("list_scan", ["det1"], "motor", [1, 2, 3]),
            {"detectors": ["det1"], "args": ["motor"]},
        ),
        (
            item("grid_scan", ["det1"], "motor", 1, 2, 3, "motor1", 1, 2, 3, snake_axes=False),
            {"detectors": ["det1"], "args": ["motor", "motor1"]},
        ),
        (item("mv", "motor", 5, group="g"), {"args": ["motor"]}),
        (
            item("move_then_count", ["motor1"], positions=[5]),
            {"motors": ["motor1"], "detectors": ["det1", "det2"]},
        ),
        (
            item("count_bundle_test", ["det1", "sim_bundle_A.dets.det_A"], md={"x": "det1"}),
            {"detectors": ["det1", "sim_bundle_A.dets.det_A"]},
        ),
        (item("marked_up_count", ["det1"], md={"sample": "det1"}), {}),
        (item("plan_test_progress_bars", 2), {}),
    ],
)
def test_plans_of_the_tutorial_are_accepted(
    profile: Catalogue, sent: dict[str, Any], convert: dict[str, list[str]]
) -> None:
    assert profile.call(sent, "primary").convert == convert


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        (item("_sim_plan_inner", 5), "Plan '_sim_plan_inner' is not in the list of allowed plans"),
        (item("count"), "missing a required argument: 'detectors'"),
        (item("count", ["det1"], abc=1), "got an unexpected keyword argument 'abc'"),
        (item("count", "det1"), "Input should be a valid list"),
        (item("move_then_count", ["motor3"]), "Input should be 'motor1' or 'motor2' [type=enum"),
        (item("move_then_count", ["motor1"], positions=[11]), "Value 11 is out of range [-10, 10]"),
        (item("list_scan", ["det1"], "motor"), "groups of 2"),
        (item("count_bundle_test", ["motor"]), "Input should be 'det', 'det1', "),
    ],
)
def test_plans_that_do_not_fit_are_refused(
    profile: Catalogue, sent: dict[str, Any], text: str
) -> None:
    with pytest.raises(NotAllowed) as error:
        profile.check_plan(sent, "primary")
    assert text in str(error.value)
