"""The last analysed frame over HTTP: what pictures show and tables say is what the client was answered."""

import csv
import io

import arro3.io
import cv2
import httpx
import numpy as np
import pytest

from elitscope import Client
from elitscope.files.marks import class_colour
from elitscope.types import ATOM_DTYPE
from tests.support.bundles import make_bundle
from tests.support.frames import dots
from tests.support.server import PATIENCE, RunningServer, wait_until

SHAPE = (96, 128)
PLACES = np.array([(20.0, 24.0), (20.0, 60.0), (48.3, 40.7), (70.0, 100.0)])
FRAME = dots(SHAPE, PLACES[:2], sigma=2.5, floor=0.1) + dots(SHAPE, PLACES[2:], sigma=2.5, peak=0.5)
OUTPUTS = ("mean", "std", "atoms", "members")


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundles")
    make_bundle(folder / "toy", members=3, classes=2)
    with RunningServer("--bundles", folder, data_dir=tmp_path_factory.mktemp("data")) as server:
        yield server


@pytest.fixture(scope="module")
def result(running):
    """One frame, sent and answered before anybody looked."""
    with Client(running.server, stream="haadf", outputs=OUTPUTS, timeout=PATIENCE) as client:
        result = client.infer(FRAME, sampling=0.1)
    wait_until(lambda: httpx.get(f"{running.http}/v1/streams/haadf", timeout=PATIENCE).status_code == 200)
    return result


@pytest.fixture
def get(running, result):
    latest = f"{running.http}/v1/streams/haadf/frames/latest"
    with httpx.Client(timeout=PATIENCE) as http:
        yield lambda path, **options: http.get(latest + path, **options)


def picture(response):
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "image/png"
    return cv2.imdecode(np.frombuffer(response.content, np.uint8), cv2.IMREAD_UNCHANGED)


def nearest_level(colours, table):
    """For every pixel the index of its colour in a table of 256."""
    distance = np.abs(colours[:, :, None, :].astype(int) - table[None, None].astype(int)).sum(axis=-1)
    assert distance.min(axis=-1).max() == 0
    return distance.argmin(axis=-1)


def test_a_frame_that_was_answered_before_anybody_looked_can_be_looked_at(get, result):
    document = get("").json()
    assert (document["frame_id"], document["sequence"], document["epoch"]) == (result.frame_id, result.sequence, result.epoch)
    assert (document["ensemble"], tuple(document["members"]), document["revision"]) == (result.ensemble, result.members, result.revision)
    assert (document["plan"], tuple(document["warnings"]), document["shape"]) == (result.plan, result.warnings, list(SHAPE))
    assert document["sampling"] == [0.1, 0.1]
    figures = document["figures"]
    assert figures["atoms"] == len(result.atoms) == sum(figures["atoms_by_class"].values())
    assert figures["uncertainty"] == pytest.approx(float(result.std[result.mean > 0.5].mean()), abs=1e-6)
    assert figures["mean_support"] == pytest.approx(float(result.atoms["support"].mean()), abs=1e-6)
    assert set(document["links"]["members"]) == {"0", "1", "2"}


def test_every_link_leads_somewhere(running, get):
    links = get("").json()["links"]
    for path in (links["image"], links["mean"], links["std"], links["atoms"], *links["members"].values()):
        assert httpx.get(running.http + path, timeout=PATIENCE).status_code == 200


def test_rings_lie_round_the_atoms_and_have_the_colour_of_their_class(get, result):
    plain, marked = picture(get(".png", params={"atoms": False})), picture(get(".png"))
    assert plain.shape == SHAPE
    assert marked.shape == (*SHAPE, 3)
    changed = (np.abs(marked.astype(int) - plain[..., None].astype(int)).max(axis=2) > 8).astype(np.uint8)
    contours = cv2.findContours(changed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    centres = np.array([cv2.minEnclosingCircle(contour)[0][::-1] for contour in contours])
    places = result.atoms.positions()
    assert len(places) >= len(PLACES)
    for place in places:
        assert np.linalg.norm(centres - place, axis=1).min() < 1.0
    assert set(result.atoms["class_id"]) == {0, 1}
    for atom in result.atoms:
        distance = np.hypot(result.atoms["row"] - atom["row"], result.atoms["column"] - atom["column"])
        drawn_last = result.atoms["class_id"][distance < 4].max()
        colour = np.array([round(255 * part) for part in reversed(class_colour(int(drawn_last)))])
        row, column = int(atom["row"]), int(atom["column"])
        near = marked[row - 8 : row + 9, column - 8 : column + 9].reshape(-1, 3).astype(int)
        assert np.abs(near - colour).sum(axis=1).min() < 100


def test_grey_levels_follow_the_percentiles_and_gamma(get):
    plain = picture(get(".png", params={"atoms": False, "low": 0, "high": 100}))
    expected = np.rint(255 * (FRAME - FRAME.min()) / (FRAME.max() - FRAME.min()))
    assert np.abs(plain.astype(int) - expected).max() <= 1
    brighter = picture(get(".png", params={"atoms": False, "low": 0, "high": 100, "gamma": 0.5}))
    assert (brighter.astype(int) >= plain.astype(int)).all()
    assert get(".png", params={"low": 60, "high": 40}).json()["code"] == "request_invalid"


def test_a_thumbnail_keeps_the_proportions_and_says_its_scale(get):
    response = get(".png", params={"scale": 0.25})
    assert picture(response).shape == (24, 32, 3)
    assert response.headers["x-elitscope-scale"] == "0.25"


@pytest.mark.parametrize(("name", "top"), [("mean", 1.0), ("std", 0.25)])
def test_maps_have_colours_in_the_order_of_their_values(get, result, name, top):
    response = get(f"/{name}.png")
    assert response.headers["x-elitscope-max"] == f"{top:g}"
    values = {"mean": result.mean, "std": result.std}[name].max(axis=0)
    table = cv2.applyColorMap(np.arange(256, dtype=np.uint8)[:, None], cv2.COLORMAP_CIVIDIS)[:, 0]
    levels = np.rint(np.clip(values / top, 0, 1) * 255).astype(np.uint8)
    assert np.array_equal(picture(response), table[levels])


def test_one_class_can_be_chosen_and_the_scale_set(get, result):
    shown = picture(get("/mean.png", params={"class": "Si", "max": 0.5, "map": "viridis"}))
    levels = np.rint(np.clip(result.mean[1] / 0.5, 0, 1) * 255).astype(np.uint8)
    assert np.array_equal(shown, cv2.applyColorMap(levels, cv2.COLORMAP_VIRIDIS))
    refused = get("/mean.png", params={"class": "Au"})
    assert (refused.status_code, refused.json()["code"]) == (422, "request_invalid")


def test_every_network_has_its_own_map(get, result):
    for index, member in enumerate(result.members):
        levels = np.rint(np.clip(result.member_maps[index].max(axis=0), 0, 1) * 255).astype(np.uint8)
        assert np.array_equal(picture(get(f"/members/{member}.png")), cv2.applyColorMap(levels, cv2.COLORMAP_CIVIDIS))
    missing = get("/members/9.png")
    assert (missing.status_code, missing.json()["code"]) == (404, "no_map")


def test_atoms_are_those_of_the_reply_in_every_format(get, result):
    names = ATOM_DTYPE.names
    document = get("/atoms").json()
    for name in names:
        column = np.array([np.nan if atom[name] is None else atom[name] for atom in document["atoms"]], ATOM_DTYPE[name])
        assert np.array_equal(column, result.atoms[name], equal_nan=name.startswith("sigma"))
    rows = list(csv.DictReader(io.StringIO(get("/atoms", headers={"Accept": "text/csv"}).text, newline="")))
    for name in names:
        column = np.array([row[name] or np.nan for row in rows], float).astype(ATOM_DTYPE[name])
        assert np.array_equal(column, result.atoms[name], equal_nan=name.startswith("sigma"))
    assert [row["class"] for row in rows] == [result.classes[i] for i in result.atoms["class_id"]]
    response = get("/atoms", headers={"Accept": "application/vnd.apache.arrow.stream"})
    table = arro3.io.read_ipc_stream(io.BytesIO(response.content)).read_all()
    for name in names:
        column = np.asarray(table[name])
        assert column.dtype == ATOM_DTYPE[name]
        assert column.tobytes() == np.ascontiguousarray(result.atoms[name]).tobytes()


def test_another_format_is_refused_with_those_that_there_are(get):
    response = get("/atoms", headers={"Accept": "image/png"})
    assert (response.status_code, response.json()["code"]) == (406, "not_acceptable")
    assert "text/csv" in response.json()["detail"]


@pytest.mark.parametrize("path", ["", ".png", "/mean.png", "/std.png", "/members/0.png", "/atoms"])
def test_a_poller_is_told_when_there_is_nothing_new(get, path):
    first = get(path)
    assert first.headers["cache-control"] == "no-store"
    again = get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert get(path, headers={"If-None-Match": '"other"'}).status_code == 200


def test_a_stream_that_nobody_sent_to_is_unknown(running, result):
    response = httpx.get(f"{running.http}/v1/streams/bf/frames/latest", timeout=PATIENCE)
    assert (response.status_code, response.json()["code"]) == (404, "stream_unknown")


def test_the_last_frame_of_a_burst_is_the_one_that_stays(running, get):
    with Client(running.server, stream="haadf", outputs=("atoms",), timeout=PATIENCE) as client:
        last = [client.infer(FRAME * np.float32(1 + i / 10), sampling=0.1) for i in range(6)][-1]
    assert wait_until(lambda: get("").json()["sequence"] == last.sequence)
