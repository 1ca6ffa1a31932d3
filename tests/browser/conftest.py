"""Fixtures of the browser tests: Debian's Chromium, once a module, and a fresh page for each test."""

from collections.abc import Callable, Iterator

import pytest
from harness.chromium import chromium
from playwright.sync_api import Browser, Page

DESKTOP = {"width": 1440, "height": 900}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep a module's browser tests together on one worker, so that its Chromium starts once."""
    for item in items:
        if item.path.parent.name == "browser":
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


# Not longer than a module: Playwright keeps an event loop running in this thread, where other tests want their own.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open pages, each in a context of its own: `open_page(url, color_scheme="light")`.

    A page that throws, or asks another host than the hub for anything, fails its test.
    """
    contexts = []
    problems: list[str] = []

    def start(url: str, **options: object) -> Page:
        context = browser.new_context(viewport=options.pop("viewport", DESKTOP), **options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(f"the page threw: {error}"))
        origin = "/".join(url.split("/", 3)[:3])
        page.on(
            "request",
            lambda request: (
                None
                if request.url.startswith((origin, "data:", "blob:"))
                else problems.append(f"the page asked another host: {request.url}")
            ),
        )
        page.goto(url)
        return page

    yield start
    for context in contexts:
        context.close()
    assert not problems
