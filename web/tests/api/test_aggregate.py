"""`GET /api/v1/aggregate`, through the whole application."""

import asyncio

import httpx
import msgspec
import pytest
from fleetglass_web.api import aggregate
from fleetglass_web.app import create_app
from fleetglass_web.testing import FakeFleet
from fleetglass_web.view import HostState


@pytest.fixture
def fleet():
    made = FakeFleet()
    for name, role, value in (("db-1", "db", 10.0), ("db-2", "db", 20.0), ("web-1", "web", 40.5)):
        number = made.add_host(name, role=role)
        made.sample(number, {"cpu.user_pct": value, "disk.util_pct[sda]": value, "disk.util_pct[sdb]": 1.0})
    return made


def get(fleet, query, headers=None):
    async def ask():
        transport = httpx.ASGITransport(create_app(fleet))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost:7480") as client:
            return await client.get(f"/api/v1/aggregate?{query}", headers=headers)

    return asyncio.run(ask())


def test_newest_values_are_reduced_by_label(fleet):
    found = get(fleet, "series=cpu.*&by=role&percentiles=50").json()
    assert (found["hosts"], found["silent"]) == (3, 0)
    assert found["groups"] == [
        {"by": {"role": "db"}, "series": "cpu.user_pct", "count": 2, "sum": 30.0, "min": 10.0, "avg": 15.0,
         "max": 20.0, "percentiles": {"50": 15.0}},
        {"by": {"role": "web"}, "series": "cpu.user_pct", "count": 1, "sum": 40.5, "min": 40.5, "avg": 40.5,
         "max": 40.5, "percentiles": {"50": 40.5}},
    ]  # fmt: skip


def test_a_host_without_the_label_is_in_the_set_of_null(fleet):
    assert [group["by"] for group in get(fleet, "series=cpu.*&by=dc").json()["groups"]] == [{"dc": None}]


def test_hosts_that_are_silent_do_not_count_and_are_counted(fleet):
    fleet.change_host(1, state=HostState.LOST)
    found = get(fleet, "series=cpu.*").json()
    assert (found["hosts"], found["silent"], found["groups"][0]["sum"]) == (3, 1, 50.5)


def test_instances_are_one_set_unless_they_are_asked_for(fleet):
    whole = get(fleet, "series=disk.*&filter=role=db").json()["groups"]
    assert [(group["series"], group["count"], group["sum"]) for group in whole] == [("disk.util_pct", 4, 32.0)]
    each = get(fleet, "series=disk.*&filter=role=db&by=instance").json()["groups"]
    assert [(group["series"], group["sum"]) for group in each] == [
        ("disk.util_pct[sda]", 30.0),
        ("disk.util_pct[sdb]", 2.0),
    ]


def test_by_host_names_each_host_also_where_two_share_a_name(fleet):
    fleet.sample(fleet.add_host("db-1"), {"cpu.user_pct": 7.0})
    found = get(fleet, "series=cpu.*&by=host&filter=db-1").json()["groups"]
    assert [(group["by"], group["avg"]) for group in found] == [
        ({"host": 0, "name": "db-1"}, 10.0),
        ({"host": 3, "name": "db-1"}, 7.0),
    ]


def test_the_past_comes_in_steps_with_holes(fleet):
    start_ms = fleet.clock_ms
    fleet.clock_ms += 20_000
    fleet.sample(0, {"cpu.user_pct": 12.0})
    fleet.clock_ms += 1_000
    found = get(fleet, f"series=cpu.*&from={start_ms:.0f}&step=10s&percentiles=").json()
    (group,) = found["groups"]
    assert (found["step_ms"], group["count"], group["avg"]) == (10_000, [3, 0, 1], [23.5, None, 12.0])


def test_message_pack_has_the_same_map(fleet):
    packed = get(fleet, "by=role", {"accept": "application/msgpack"})
    assert packed.headers["content-type"] == "application/msgpack"
    assert msgspec.msgpack.decode(packed.content) == get(fleet, "by=role").json()


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("percentiles=101", "numbers from 0 to 100"),
        ("percentiles=nan", "numbers from 0 to 100"),
        ("percentiles=half", "numbers from 0 to 100"),
        ("by=" + ",".join(f"l{n}" for n in range(9)), "at most 8"),
        ("step=1", "a number and a unit"),
        ("from=-1h&to=-2h", "is not before"),
        ("group=role", "'group' is not known here"),
    ],
)
def test_what_cannot_be_read_is_a_problem_that_says_why(fleet, query, says):
    answer = get(fleet, query)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    assert says in answer.json()["detail"]


def test_a_question_that_would_take_minutes_is_refused_with_the_way_out(fleet, monkeypatch):
    monkeypatch.setattr(aggregate, "READ_MAX", 8)
    answer = get(fleet, "")
    assert answer.status_code == 400
    assert "Name fewer series or hosts" in answer.json()["detail"]
