"""axe-core on a page: what keeps somebody from using it."""

from pathlib import Path

from playwright.sync_api import Page

AXE = Path(__file__).parents[2] / "web/ui/node_modules/axe-core/axe.min.js"


def findings(page: Page, name: str) -> list[str]:
    """The serious and critical ones, each with the first places where it was found."""
    page.evaluate(AXE.read_text())
    result = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{name}: {one['id']} ({one['impact']}): {[node['html'][:160] for node in one['nodes'][:3]]}"
        for one in result["violations"]
        if one["impact"] in ("serious", "critical")
    ]
