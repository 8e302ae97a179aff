"""The report in a real browser, opened as a file: no error, no overflow, the right numbers."""

from contextlib import contextmanager

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from comparisons import comparison
from programs import CHROMIUM, DRIVER
from unalike.report.comparison_page import write_report
from unalike.results.columns import columns_of
from unalike.results.table import as_frame

METHODS = {
    "local": [0.80, 0.81, 0.79],
    "centralised": [0.95, 0.96, 0.94],
    "fedavg": [0.60, 0.62, 0.59],
    "finetuning": [0.84, 0.86, 0.85],
    "mefl": [0.90, 0.905, 0.902],
}
DESKTOP, PHONE = (1280, 900), (390, 844)
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="no chromium with chromedriver is installed"
)


@pytest.fixture(scope="module")
def made():
    return comparison(METHODS, clients=20, new=4, classes=10, rounds=30)


@pytest.fixture(scope="module")
def report(made, tmp_path_factory):
    return write_report(made, tmp_path_factory.mktemp("report") / "report.html")


@contextmanager
def browser(profile):
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(DRIVER)
    with webdriver.Chrome(options=options, service=service) as driver:
        yield driver


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def show(driver, report, size, scheme="light"):
    width, height = size
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    feature = {"name": "prefers-color-scheme", "value": scheme}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    driver.get(report.as_uri())
    WebDriverWait(driver, 60).until(
        lambda d: d.execute_script("return document.body.dataset.ready") == "yes"
    )


def rows(driver):
    body = driver.find_elements(By.CSS_SELECTOR, "#numbers tbody tr")
    return {row.get_attribute("data-method"): row for row in body}


def number(row, metric):
    return row.find_element(By.CSS_SELECTOR, f"[data-metric={metric}]").text.split()[0]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_it_opens_without_error_and_fits(driver, report, size, scheme):
    show(driver, report, size, scheme)
    assert driver.get_log("browser") == []
    width = driver.execute_script("return document.documentElement.scrollWidth")
    assert width <= size[0]
    assert driver.find_element(By.TAG_NAME, "h1").text == "Untuned: MEFL helps most (decided)."
    for plot in driver.find_elements(By.CSS_SELECTOR, ".plot"):
        drawn = plot.find_element(By.CSS_SELECTOR, "svg.main-svg")
        assert 0.7 * size[0] < drawn.size["width"] <= size[0]


def test_the_log_would_hold_an_error(driver, report):
    show(driver, report, DESKTOP)
    driver.execute_script("setTimeout(() => { throw new Error('planted') })")
    WebDriverWait(driver, 10).until(lambda d: "planted" in str(d.get_log("browser")))


def test_the_table_holds_the_numbers_of_the_frame(driver, report, made):
    show(driver, report, DESKTOP)
    for chosen in ("best", "last"):
        driver.find_element(By.CSS_SELECTOR, f".numbers [data-round={chosen}]").click()
        expected = as_frame(made, chosen)
        shown = rows(driver)
        assert set(shown) == set(expected.index)
        for method, row in shown.items():
            for column in columns_of(made.task):
                if expected[column.key].isna().all():
                    continue
                value = column.text(expected.at[method, column.key]).split()[0]
                assert number(row, column.metric) == value


def test_a_heading_sorts(driver, report):
    show(driver, report, DESKTOP)
    assert list(rows(driver)) == ["centralised", "mefl", "finetuning", "local", "fedavg"]
    heading = driver.find_elements(By.CSS_SELECTOR, "#numbers thead th")[4]
    heading.find_element(By.TAG_NAME, "button").click()
    assert list(rows(driver)) == ["centralised", "mefl", "finetuning", "fedavg", "local"]
    heading.find_element(By.TAG_NAME, "button").click()
    assert heading.get_attribute("aria-sort") == "ascending"
    assert list(rows(driver)) == ["fedavg", "finetuning", "mefl", "centralised", "local"]


def test_a_method_can_be_hidden_everywhere(driver, report):
    show(driver, report, DESKTOP)
    count = "return document.querySelector('#learning .plot').data.length"
    assert driver.execute_script(count) == 2 * len(METHODS)
    driver.find_element(By.CSS_SELECTOR, "[data-chip=mefl]").click()
    assert driver.execute_script(count) == 2 * len(METHODS) - 2
    violins = "return document.querySelector('#distribution .plot').data.map(t => t.meta)"
    assert "mefl" not in driver.execute_script(violins)


def test_a_view_can_be_switched(driver, report):
    show(driver, report, DESKTOP)
    axis = "return document.querySelector('#drift .plot').layout.yaxis.title.text"
    assert driver.execute_script(axis) == "client drift"
    driver.find_element(By.CSS_SELECTOR, "#drift [data-view='1']").click()
    assert driver.execute_script(axis) == "gradient dissimilarity"


def test_figures_follow_the_colour_scheme(driver, report):
    colour = "return document.querySelector('#learning .plot').layout.font.color"
    seen = []
    for scheme in ("light", "dark"):
        show(driver, report, DESKTOP, scheme)
        seen.append(driver.execute_script(colour))
    assert seen == ["#1d2230", "#e9ebf0"]


def test_it_asks_nothing_of_the_network(driver, report):
    show(driver, report, DESKTOP)
    asked = driver.execute_script("return performance.getEntriesByType('resource').length")
    assert asked == 0


def test_tables_and_figures_can_be_saved(driver, report, made):
    show(driver, report, DESKTOP, "dark")
    driver.execute_script(
        "window.saved = {};"
        "const make = URL.createObjectURL;"
        "let last; URL.createObjectURL = (blob) => { last = blob; return make(blob); };"
        "HTMLAnchorElement.prototype.click = function () {"
        "  const name = this.download; window.saved[name] = null;"
        "  if (last) last.text().then((text) => { window.saved[name] = text; }); };"
    )

    def saved(name, selector):
        driver.execute_script(f"document.querySelector({selector!r}).click()")
        return WebDriverWait(driver, 60).until(
            lambda d: d.execute_script(f"return window.saved[{name!r}]")
        )

    csv = saved("numbers-best.csv", "section.numbers [data-file=csv]")
    assert csv == as_frame(made).to_csv(lineterminator="\n")
    tex = saved("numbers-best.tex", "section.numbers [data-file=tex]")
    assert r"\toprule" in tex
    driver.execute_script("document.querySelector('#numbers').className = 'show-last'")
    last = saved("numbers-last.csv", "section.numbers [data-file=csv]")
    assert last == as_frame(made, "last").to_csv(lineterminator="\n")
    svg = saved("learning.svg", "#learning [data-image=svg]")
    assert svg.startswith("<svg")
    assert "MEFL" in svg, "a figure by itself has a legend"
    assert driver.get_log("browser") == []
