"""Permissions: reading the dictionary, devices and plans of a group, functions, the API."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from qs_jupyter.errors import BadRequest
from qs_jupyter.model.catalogue import Catalogue
from qs_jupyter.model.devices import restrict, whole_table
from qs_jupyter.model.permissions import Permissions

PROFILE = Path(__file__).parents[2] / "profile_collection_sim"


def node(*, moves: bool = False, flies: bool = False, **components: Any) -> dict[str, Any]:
    description = {
        "is_readable": not flies,
        "is_movable": moves,
        "is_flyable": flies,
        "classname": "Thing",
        "module": "things",
    }
    return {**description, "components": components} if components else description


def motor() -> dict[str, Any]:
    return node(moves=True, readback=node(), setpoint=node(moves=True))


TREE = {
    "stage": node(moves=True, x=motor(), y=motor(), cam=node(stats=node(), fly=node(flies=True))),
    "det1": node(val=node()),
    "det2": node(val=node()),
    "motor": motor(),
    "motor2": node(moves=True),
    "flyer": node(flies=True),
    "_hidden": node(val=node()),
}
EVERY_NAME = whole_table(TREE).usable

OPEN = {"allowed_plans": [None], "allowed_devices": [None], "allowed_functions": [None]}


def permissions(root: dict[str, Any] | None = None, **groups: Any) -> Permissions:
    return Permissions.parse({"user_groups": {"root": OPEN if root is None else root, **groups}})


def devices(group: dict[str, Any], root: dict[str, Any] | None = None) -> Catalogue:
    return Catalogue({}, TREE, permissions(root, g=group))


# ------------------------------------------------------------------------- the dictionary


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ([], "User group permissions: Invalid type '<class 'list'>', must be 'dict'"),
        (None, "must be 'dict'"),
        ({}, "'user_groups' is a required property"),
        ({"user_groups": {}}, "Missing required user group: 'root'"),
        ({"user_groups": {"primary": {}}}, "Missing required user group: 'root'"),
        ({"user_groups": {"root": {}}, "x": 1}, "Additional properties are not allowed"),
        (
            {"user_groups": {"root": {"allowed_plan": []}}},
            "Additional properties are not allowed ('allowed_plan' in group 'root') "
            "(did you mean 'allowed_plans'?)",
        ),
        ({"user_groups": []}, "is not of type 'object'"),
        ({"user_groups": {"root": None}}, "None is not of type 'object'"),
        ({"user_groups": {"root": {}, 5: {}}}, "must be a non-empty string, not 5"),
        ({"user_groups": {"root": {"allowed_plans": "x"}}}, "is not of type 'array'"),
        ({"user_groups": {"root": {"allowed_plans": None}}}, "is not of type 'array'"),
        (
            {"user_groups": {"root": {"allowed_plans": ["a", 5]}}},
            "root/allowed_plans/1: 5 is not of type 'string', 'null'",
        ),
    ],
)
def test_a_dictionary_of_the_wrong_shape_is_refused(data: Any, text: str) -> None:
    with pytest.raises(BadRequest) as refusal:
        Permissions.parse(data)
    assert text in str(refusal.value)


@pytest.mark.parametrize(
    ("key", "entry", "text"),
    [
        ("allowed_plans", ":[", "contains invalid regular expression"),
        ("allowed_plans", "a.b", "invalid characters"),
        ("forbidden_plans", "__READABLE__:count", "can not be used"),
        ("allowed_plans", ":?count:depth=2", "can not be used"),
        ("allowed_functions", ":a:b", "have only one"),
        ("allowed_functions", "co unt", "invalid characters"),
        ("allowed_devices", ":a:depth=2", "depth specification"),
        ("allowed_devices", "__MOVABLE__:.*", "is not supported"),
        ("forbidden_devices", "", "empty string"),
        ("forbidden_devices", ":" + "a" * 1001, "longer than 1000 characters"),
        ("allowed_api", "queue.start", "invalid characters"),
    ],
)
def test_one_bad_entry_refuses_everything_and_is_named(key: str, entry: str, text: str) -> None:
    data = {"user_groups": {"root": OPEN, "primary": {key: ["good", entry]}}}
    with pytest.raises(BadRequest) as refusal:
        Permissions.parse(data)
    assert f"primary/{key}/1: " in str(refusal.value)
    assert text in str(refusal.value)


def test_null_is_refused_in_a_later_place_also_behind_a_leading_null() -> None:
    for entries in (["a", None], [None, None]):
        with pytest.raises(BadRequest, match="root/allowed_plans/1: null may only be the first"):
            permissions({"allowed_plans": entries})


def test_a_leading_null_makes_the_other_entries_meaningless_but_they_are_still_read() -> None:
    assert (
        permissions({"forbidden_functions": [None, "f"], "allowed_functions": [None]}) is not None
    )
    with pytest.raises(BadRequest):
        permissions({"allowed_functions": [None, ":["]})


def test_the_dictionary_is_kept_as_given_and_safe_from_later_changes() -> None:
    data = {"user_groups": {"root": {"allowed_plans": ["count"]}}}
    before = copy.deepcopy(data)
    read = Permissions.parse(data)
    data["user_groups"]["root"]["allowed_plans"].append("scan")
    assert read.data == before
    assert read == Permissions.parse(before)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@given(json_values | st.dictionaries(st.just("user_groups"), json_values))
def test_any_json_is_either_read_or_refused_with_a_sentence(data: Any) -> None:
    try:
        Permissions.parse(data)
    except BadRequest as refusal:
        assert str(refusal).startswith("User group permissions: ")


# Python says that "[[" may mean something else one day; today it does not.
@pytest.mark.filterwarnings("ignore:Possible .*set:FutureWarning")
@given(st.text(alphabet=":.*+-?^$ab[(_=", max_size=12))
def test_any_entry_that_is_accepted_can_also_be_applied(entry: str) -> None:
    try:
        read = permissions({"allowed_devices": [entry]})
    except BadRequest:
        return
    assert restrict(whole_table(TREE), read.rule("root", "devices")).usable <= EVERY_NAME


# -------------------------------------------------------------------------------- devices


def test_without_lists_nothing_is_allowed() -> None:
    catalogue = devices({})
    assert catalogue.devices_allowed("g") == {}
    assert catalogue.device_names("g") == frozenset()


def test_when_everything_is_allowed_the_tree_is_shared() -> None:
    catalogue = devices({"allowed_devices": [None]})
    assert catalogue.devices_allowed("g") is TREE
    assert catalogue.device_names("g") == EVERY_NAME


@pytest.mark.parametrize("entry", ["motor", ":^motor$"])
def test_a_forbidden_device_leaves_its_components_usable(entry: str) -> None:
    catalogue = devices({"allowed_devices": [None], "forbidden_devices": [entry]})
    left = catalogue.devices_allowed("g")["motor"]
    assert left["excluded"] is True
    assert left["components"] == TREE["motor"]["components"]
    assert EVERY_NAME - catalogue.device_names("g") == {"motor"}


def test_a_forbidden_subtree_is_gone() -> None:
    catalogue = devices({"allowed_devices": [None], "forbidden_devices": [":^motor$:?.*"]})
    assert "motor" not in catalogue.devices_allowed("g")
    assert EVERY_NAME - catalogue.device_names("g") == {
        "motor",
        "motor.readback",
        "motor.setpoint",
    }


def test_a_dotted_name_allows_that_node_only() -> None:
    allowed = devices({"allowed_devices": ["stage.x"]}).devices_allowed("g")
    assert set(allowed) == {"stage"}
    assert allowed["stage"]["excluded"] is True
    assert set(allowed["stage"]["components"]) == {"x"}
    x = allowed["stage"]["components"]["x"]
    assert "excluded" not in x
    assert "components" not in x


def test_explicit_names_bring_no_components_along() -> None:
    catalogue = devices({"allowed_devices": ["stage.x.readback", "det1"]})
    allowed = catalogue.devices_allowed("g")
    assert catalogue.device_names("g") == {"stage.x.readback", "det1"}
    assert allowed["stage"]["excluded"]
    assert allowed["stage"]["components"]["x"]["excluded"]
    assert allowed["stage"]["components"]["x"]["components"] == {"readback": node()}
    assert "components" not in allowed["det1"]


def test_a_forbidden_node_inside_is_marked_and_its_children_stay() -> None:
    catalogue = devices({"allowed_devices": [":?.*"], "forbidden_devices": ["stage.x"]})
    allowed = catalogue.devices_allowed("g")
    assert "excluded" not in allowed["stage"]
    assert allowed["stage"]["components"]["x"]["excluded"] is True
    assert EVERY_NAME - catalogue.device_names("g") == {"stage.x"}
    assert allowed["stage"]["components"]["y"] is TREE["stage"]["components"]["y"]
    assert allowed["det1"] is TREE["det1"]


def test_a_pattern_selects_names_and_not_what_lies_below() -> None:
    allowed = devices({"allowed_devices": [":^_"]}).devices_allowed("g")
    assert set(allowed) == {"_hidden"}
    assert "components" not in allowed["_hidden"]


def test_a_name_that_does_not_exist_allows_nothing() -> None:
    catalogue = devices({"allowed_devices": ["nosuch", "stage.nosuch"]})
    assert catalogue.devices_allowed("g") == {}
    assert catalogue.device_names("g") == frozenset()


def test_what_root_may_not_use_never_comes_back() -> None:
    root = {"allowed_devices": [None], "forbidden_devices": ["motor", ":^stage$:?.*"]}
    catalogue = devices({"allowed_devices": [None]}, root)
    assert catalogue.device_names("g") == catalogue.device_names("root")
    assert catalogue.devices_allowed("g")["motor"]["excluded"] is True
    narrow = devices({"allowed_devices": ["motor", "det1", "stage.x"]}, root)
    assert narrow.device_names("g") == {"det1"}
    assert set(narrow.devices_allowed("g")) == {"det1"}


def test_the_existing_tree_is_never_changed() -> None:
    before = copy.deepcopy(TREE)
    devices({"allowed_devices": [":?x"], "forbidden_devices": ["stage"]}).devices_allowed("g")
    assert before == TREE


def test_a_forbidden_device_with_open_components_is_pointed_out_with_the_remedy() -> None:
    group = {"allowed_devices": [None], "forbidden_devices": ["stage.x", "det1.val", "motor2"]}
    (warning,) = devices(group).warnings()
    assert warning == (
        "Group 'g': device 'stage.x' is forbidden, but components of it may be used; "
        "to close it with all below, forbid ':-^stage$:^x$:?.*' as well"
    )
    group["forbidden_devices"] = ["stage.x", ":-^stage$:^x$:?.*"]
    catalogue = devices(group)
    assert catalogue.warnings() == []
    assert not any(name.startswith("stage.x") for name in catalogue.device_names("g"))
    assert "stage" in catalogue.device_names("g")


paths = st.sampled_from(sorted(EVERY_NAME))


def usable(tree: dict[str, Any], prefix: str = "") -> set[str]:
    """Return the usable names of a tree as a client would read them."""
    names = set()
    for name, node_ in tree.items():
        if not node_.get("excluded"):
            names.add(prefix + name)
        below = usable(node_.get("components", {}), f"{prefix}{name}.")
        assert below or not node_.get("excluded"), "an empty excluded node was kept"
        names |= below
    return names


@given(st.sets(paths), st.sets(paths), st.sets(paths))
def test_tree_and_names_agree_whatever_is_allowed(
    root: set[str], allowed: set[str], forbidden: set[str]
) -> None:
    catalogue = devices(
        {"allowed_devices": sorted(allowed), "forbidden_devices": sorted(forbidden)},
        {"allowed_devices": [None], "forbidden_devices": sorted(root)},
    )
    for group, expected in (
        ("root", EVERY_NAME - root),
        ("g", allowed - forbidden - root),
    ):
        assert catalogue.device_names(group) == expected
        assert usable(catalogue.devices_allowed(group)) == expected


# ---------------------------------------------------------------------- functions and API


def test_a_function_needs_the_consent_of_root_and_of_the_group() -> None:
    read = permissions(
        {"allowed_functions": [None], "forbidden_functions": [":^_"]},
        primary={"allowed_functions": ["function_sleep", ":^func_for_test", "_private"]},
    )
    assert read.allows_function("primary", "function_sleep")
    assert read.allows_function("primary", "func_for_test_2")
    assert not read.allows_function("primary", "_private")
    assert not read.allows_function("primary", "RE")
    assert read.allows_function("root", "RE")
    assert not read.allows_function("nobody", "function_sleep")
    assert not read.allows_function("primary", "func_for_test" * 100)
    assert not read.allows_function(["primary"], 5)  # type: ignore[arg-type]


def test_without_permissions_no_function_is_allowed() -> None:
    assert not Permissions.nothing().allows_function("root", "f")
    assert Permissions.nothing().groups == ("root",)


def test_a_callable_needs_consent_at_every_step_of_its_path() -> None:
    read = permissions(
        {"allowed_functions": [None], "forbidden_functions": [":^RE$"]},
        narrow={"allowed_functions": ["shot"]},
    )
    assert read.allows_callable("root", "bps.one_shot")
    assert not read.allows_callable("root", "RE")
    assert not read.allows_callable("root", "RE.abort")
    assert not read.allows_callable("root", "bps.__globals__")
    assert not read.allows_callable("root", "bps._private.x")
    assert not read.allows_callable("root", "print('x')")
    assert read.allows_callable("narrow", "shot")
    assert not read.allows_callable("narrow", "shot.more")


def test_the_api_is_open_unless_a_list_narrows_it() -> None:
    read = permissions(
        {**OPEN, "forbidden_api": ["manager_kill"]},
        primary={},
        watcher={"allowed_api": ["status", ":_get$"]},
        mute={"allowed_api": []},
    )
    assert read.allows_api("primary", "queue_start")
    assert not read.allows_api("primary", "manager_kill")
    assert read.allows_api("watcher", "queue_get")
    assert not read.allows_api("watcher", "queue_start")
    assert not read.allows_api("mute", "status")


# ------------------------------------------------------------------ the simulated profile

TEST_USER_PLANS = """
count count_bundle_test grid_scan list_grid_scan list_scan log_scan rel_adaptive_scan
rel_grid_scan rel_list_grid_scan rel_list_scan rel_log_scan rel_scan
relative_inner_product_scan scan x2x_scan
""".split()  # noqa: SIM905
TEST_USER_DEVICES = """
det det1 det2 det_with_conf det_with_count_time motor motor_empty_hints1 motor_empty_hints2
motor_no_hints1 motor_no_hints2 motor_no_pos sim_bundle_A
""".split()  # noqa: SIM905


@pytest.fixture
def profile() -> Catalogue:
    found = yaml.safe_load((PROFILE / "existing_plans_and_devices.yaml").read_text())
    rules = yaml.safe_load((PROFILE / "user_group_permissions.yaml").read_text())
    return Catalogue(found["existing_plans"], found["existing_devices"], Permissions.parse(rules))


def choices(catalogue: Catalogue, group: str) -> list[str]:
    (parameter, *_) = catalogue.plans_allowed(group)["count_bundle_test"]["parameters"]
    ((_, names),) = parameter["annotation"]["devices"].items()
    return list(names)


def test_root_and_primary_may_use_the_whole_simulated_profile(profile: Catalogue) -> None:
    for group in ("root", "primary"):
        assert set(profile.plans) - set(profile.plans_allowed(group)) == {"_sim_plan_inner"}
        assert len(profile.plans_allowed(group)) == 35
        assert len(profile.devices_allowed(group)) == 43
        assert len(profile.device_names(group)) == 243
        assert len(choices(profile, group)) == 74


def test_the_test_user_sees_a_part_of_the_simulated_profile(profile: Catalogue) -> None:
    assert sorted(profile.plans_allowed("test_user")) == TEST_USER_PLANS
    assert sorted(profile.devices_allowed("test_user")) == TEST_USER_DEVICES
    for name, description in profile.devices_allowed("test_user").items():
        assert description == profile.devices[name]
    assert len(choices(profile, "test_user")) == 38


def test_functions_of_the_simulated_profile(profile: Catalogue) -> None:
    names = {"function_sleep", "clear_buffer", "push_buffer_element", "pop_buffer_element"}
    names |= {"unit_test1", "some_elements", "func_for_test_x", "RE", "_f"}

    def allows(group: str) -> set[str]:
        return {name for name in names if profile.permissions.allows_function(group, name)}

    assert allows("primary") == {"function_sleep", "func_for_test_x"}
    assert allows("test_user") == {
        "function_sleep",
        "clear_buffer",
        "push_buffer_element",
        "pop_buffer_element",
        "unit_test1",
        "some_elements",
    }
    assert "RE" in allows("root")
    assert "_f" not in allows("root")
