"""Networks side by side over HTTP: figures are those of the maps that a client gets, for deselected networks too."""

import httpx
import numpy as np
import pytest

from elitscope import Client
from elitscope_models.analyse import analyse
from elitscope_models.bundle import load_bundle
from elitscope_models.loading import open_ensemble
from elitscope_models.member_figures import active_figures, figures_of
from tests.support.frames import dots, lattice
from tests.support.server import PATIENCE, wait_until
from tests.support.streaming import Streaming

SHAPE = (96, 128)
FRAME = dots(SHAPE, lattice(SHAPE), floor=0.1)
NAMES = ("pixel_agreement", "atom_agreement", "probability_at_atoms", "detections", "fog")


def members(server, stream):
    response = httpx.get(f"{server.http}/v1/streams/{stream}/members", timeout=PATIENCE)
    return {m["id"]: m for m in response.json()["members"]} if response.status_code == 200 else {}


def assert_figures(found, expected):
    for name in NAMES:
        value = getattr(expected, name)
        assert found[name] == (pytest.approx(value, abs=2e-6) if np.isfinite(value) else None), name


def test_figures_are_those_of_the_maps_that_a_client_gets(server):
    with Client(server.server, stream="figures", outputs=("members", "atoms"), timeout=PATIENCE) as client:
        result = client.infer(FRAME, sampling=0.1)
    found = wait_until(lambda: (m := members(server, "figures")) and all(one["figures"] for one in m.values()) and m)
    assert set(found) == {0, 1, 2}
    for member, expected in zip(result.members, active_figures(result.member_maps, result.atoms, 0.5), strict=True):
        assert found[member]["active"]
        assert found[member]["metrics"] == {"iou": 0.9}
        assert_figures(found[member]["figures"], expected)
        frame = found[member]["frame"]
        assert (frame["frame_id"], frame["sequence"], frame["epoch"]) == (result.frame_id, result.sequence, result.epoch)
        assert (frame["revision"], frame["atoms"]) == (result.revision, len(result.atoms))
        assert httpx.get(server.http + found[member]["image"], timeout=PATIENCE).headers["content-type"] == "image/png"


def test_a_deselected_network_shows_whether_it_has_recovered(server, toy_bundles):
    with Client(server.server, stream="deselected", outputs=("atoms",), timeout=PATIENCE) as client:
        client.infer(FRAME, sampling=0.1)
        changed = httpx.patch(f"{server.http}/v1/streams/deselected/selection", json={"deselect": [1], "reason": "fog"}, timeout=PATIENCE)
        assert changed.status_code == 200, changed.text
        result = client.infer(FRAME, sampling=0.1)
    assert result.members == (0, 2)

    def measured():
        found = members(server, "deselected")
        ok = found and not found[1]["active"] and all(m["frame"] and m["frame"]["frame_id"] == result.frame_id for m in found.values())
        return ok and found

    found = wait_until(measured)
    assert [found[member]["active"] for member in range(3)] == [True, False, True]
    assert found[1]["frame"]["revision"] == result.revision
    offline = open_ensemble(load_bundle(toy_bundles / "toy"))
    own, both = analyse(FRAME, 0.1, offline, (1,)), analyse(FRAME, 0.1, offline, (0, 2))
    assert_figures(found[1]["figures"], figures_of(own.member_maps[0], both.mean, both.atoms, 0.5))
    for index, member in enumerate((0, 2)):
        assert_figures(found[member]["figures"], active_figures(both.member_maps, both.atoms, 0.5)[index])
    assert httpx.get(server.http + found[1]["image"], timeout=PATIENCE).status_code == 200


def test_figures_follow_the_stream(server):
    url = f"{server.http}/v1/streams/live/members"
    with Streaming(server.server, [FRAME, FRAME * np.float32(1.5)], stream="live") as streaming:
        wait_until(lambda: members(server, "live"))
        first = httpx.get(url, timeout=PATIENCE)
        assert httpx.get(url, headers={"If-None-Match": '"other"'}, timeout=PATIENCE).status_code == 200
        later = wait_until(
            lambda: (r := httpx.get(url, headers={"If-None-Match": first.headers["etag"]}, timeout=PATIENCE)).status_code == 200 and r
        )
    frame = later.json()["members"][0]["frame"]
    assert frame["sequence"] > first.json()["members"][0]["frame"]["sequence"]
    result = streaming.results[frame["frame_id"]]
    expected = active_figures(result.member_maps, result.atoms, 0.5)[0]
    assert_figures(later.json()["members"][0]["figures"], expected)


def test_a_stream_that_nobody_named_is_unknown(server):
    response = httpx.get(f"{server.http}/v1/streams/nobody/members", timeout=PATIENCE)
    assert (response.status_code, response.json()["code"]) == (404, "stream_unknown")
