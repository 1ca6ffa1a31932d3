import asyncio

import httpx
import pytest
from fleetglass_web.app import create_app
from fleetglass_web.settings import WebSettings
from fleetglass_web.testing import FakeFleet

PAGE = '<!doctype html><html><head><title>fleetglass</title><script src="./assets/a-1b2c.js"></script></head></html>'


@pytest.fixture
def built(tmp_path):
    folder = tmp_path / "static"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text(PAGE)
    (folder / "assets" / "a-1b2c.js").write_text("export {};\n" * 1_000)
    (folder / "favicon.svg").write_text("<svg/>")
    (tmp_path / "secret.txt").write_text("treasure")
    return folder


def get(path, folder, headers=None, root_path=""):
    async def ask():
        app = create_app(FakeFleet(), WebSettings(static=folder))
        transport = httpx.ASGITransport(app, root_path=root_path)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.get(path, headers=headers or {"accept-encoding": "identity"})

    return asyncio.run(ask())


@pytest.mark.parametrize("path", ["/", "/host/web-1.example.org", "/logs", "/index.html", "/hosts/"])
def test_every_page_of_the_dashboard_is_the_one_page_and_is_checked_each_time(built, path):
    answer = get(path, built)
    assert answer.status_code == 200
    assert "fleetglass" in answer.text
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["cache-control"] == "no-cache"
    again = get(path, built, {"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_an_asset_is_kept_for_ever_and_is_sent_compressed(built):
    answer = get("/assets/a-1b2c.js", built)
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"].startswith("text/javascript")
    small = get("/assets/a-1b2c.js", built, {"accept-encoding": "br, gzip"})
    assert small.headers["content-encoding"] == "gzip"
    assert small.headers["vary"] == "accept-encoding"
    assert small.text == answer.text
    assert int(small.headers["content-length"]) < len(answer.content) / 10


@pytest.mark.parametrize("path", ["/assets/gone-1.js", "/gone.css", "/api/v1/gone", "/api", "/assets/"])
def test_what_is_missing_is_a_problem_and_never_the_page(built, path):
    answer = get(path, built)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "path", ["/..%2fsecret.txt", "/%2e%2e/secret.txt", "/assets/..%2f..%2fsecret.txt", "/a%00b", "/" + "a" * 5_000]
)
def test_nothing_outside_the_folder_is_given(built, path):
    assert "treasure" not in get(path, built).text


def test_below_a_prefix_relative_addresses_are_the_prefixs(built):
    answer = get("/fleet/host/web-1", built, root_path="/fleet")
    assert '<base href="../">' in answer.text
    assert get("/fleet/assets/a-1b2c.js", built, root_path="/fleet").status_code == 200
    assert get("/fleet/api/v1/hosts", built, root_path="/fleet").json()["hosts"] == []


def test_a_dashboard_that_is_not_built_says_how_to_build_it(tmp_path):
    answer = get("/", tmp_path / "nothing")
    assert answer.status_code == 503
    assert "make setup" in answer.text
