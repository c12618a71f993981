"""A run's report with names that people have, as people look at it."""

import shutil
from pathlib import Path

import pytest

from fedstyle_secure.runs.pages import write_report
from fedstyle_secure.runs.train import train
from tests import stand_ins
from tests.browser.looking import LOOKS, check_page, draw, visiting

pytestmark = pytest.mark.browser

NAMES = [
    "محمّد الكاتب العربي",
    "葛飾北斎・富嶽三十六景の画家\N{IDEOGRAPHIC SPACE}長い名前",
    "A Name Of Very Many Words That Goes On And On Until Nobody Reads It Any More",
    "נועה ישראלי",
    "Supercalifragilisticexpialidociousandwithoutaplacetobreak",
    "Ångström & <b>Söhne<b>",
]


@pytest.fixture(scope="module")
def report(art: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("named")
    shutil.copytree(art, folder / "art")
    painters = sorted(path for path in (folder / "art").iterdir() if path.is_dir())
    for painter, name in zip(painters, NAMES, strict=False):
        painter.rename(painter.with_name(name))
    for index in (folder / "art").glob("*.csv"):
        index.unlink()
    with pytest.MonkeyPatch.context() as patch:
        stand_ins.install(patch)
        train(stand_ins.settings(folder / "art", folder / "run", iterations=0, epsilon=30.0))
    write_report(folder / "run", tell=lambda _word: None)
    return folder / "run" / "report.html"


@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_a_report_with_long_right_to_left_and_ideographic_names_looks_right(chromium, report, look):
    with visiting(chromium, look) as context:
        shown = context.new_page()
        shown.goto(report.as_uri())
        for details in shown.locator("details").all():
            details.evaluate("it => it.open = true")
        check_page(shown)
        draw(shown, f"report-{look}")
