"""Takes the README's pictures of the report: its figures in light, two personas on a task in dark.

    python scripts/write_report_images.py [REPORT.html]

Needs Chromium. Without a page of your own a small dataset is built in a temporary folder with the
embedded teacher; of one that is larger more can be measured.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

REPO = Path(__file__).parents[1]
sys.path.insert(0, str(REPO / "tests"))
from browser import Page, visit  # noqa: E402

FOLDER = REPO / "docs" / "images"
RUN = ("--families", "log_forensics,maths,how_to", "--tasks", "4", "--personas", "all")
WIDTH, HEIGHT = 1180, 820


def main() -> None:
    """Writes report-light.png and report-dark.png."""
    if len(sys.argv) > 1:
        take(Path(sys.argv[1]))
        return
    with tempfile.TemporaryDirectory() as place:
        command = [sys.executable, "-m", "kappa_data"]
        for told in (["run", "-q", *RUN], ["report", "-q", "--out", "report.html"]):
            subprocess.run([*command, *told], cwd=place, check=True, stdout=subprocess.DEVNULL)
        take(Path(place) / "report.html")


def take(path: Path) -> None:
    """Opens a page and takes its pictures."""
    if not path.is_file():
        sys.exit(f"{path}: no such page; write one with `kappa-data report --out FILE`")

    async def work(page: Page) -> None:
        await page.look(WIDTH, HEIGHT)
        await page.open(path)
        await page.picture(FOLDER / "report-light.png")
        await page.look(WIDTH, HEIGHT, "dark")
        # The first conversation whose task is there in several voices, and another one of them.
        await page.value("document.getElementById('browser').scrollIntoView()")
        await page.value("document.getElementById('list').focus()")
        for _ in range(200):
            await page.key("ArrowDown")
            await page.until("document.querySelector('.columns')")
            if await page.value("document.querySelectorAll('.bar button').length > 5"):
                break
        await page.value("document.querySelectorAll('.bar button')[4].click()")
        await page.until("document.querySelectorAll('.head').length === 2")
        await page.picture(FOLDER / "report-dark.png")

    visit(work)


if __name__ == "__main__":
    main()
