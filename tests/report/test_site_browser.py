"""A site in a real browser, opened as files: headless Chromium."""

import json

import pytest

from bench.report.site import pages, write_site
from fakes.browser import CONTRAST, choose, column, count, head, requests_of, resize, wait
from fakes.report_samples import CARDS
from fakes.sites import two_labs

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    labs = two_labs(tmp_path_factory.mktemp("labs"))
    folder = tmp_path_factory.mktemp("out") / "site"
    write_site(folder, labs, pages(labs, CARDS))
    return folder


@pytest.fixture
def page(driver, site):
    resize(driver, 1280)
    driver.get_log("browser")
    driver.get_log("performance")
    driver.get((site / "index.html").as_uri())
    return driver


def test_filters_combine_and_the_count_follows(page):
    every = count(page)
    assert every == "11 of 11 rows"
    choose(page, "store", "lab-b")
    assert set(column(page, "Store")) == {"lab-b"}
    assert count(page) == "5 of 11 rows"
    choose(page, "store", "all")
    choose(page, "dataset", "odd")
    assert column(page, "Task") == ["odd/t1"]
    choose(page, "dataset", "all")
    choose(page, "method", "ae")
    choose(page, "status", "partial")
    page.find_element("name", "text").send_keys("PROXY")
    assert len(column(page, "Method")) == 2
    page.find_element("css selector", "button[type=reset]").click()
    wait(page, lambda: count(page) == every)


def test_columns_sort_and_missing_numbers_stay_last(page):
    choose(page, "dataset", "mslub")
    head(page, "AP %").click()
    found = column(page, "AP %")
    numbers = [float(one) for one in found if one[0].isdigit()]
    assert numbers == sorted(numbers, reverse=True)
    assert max(numbers) == 4.01
    assert len(set(found[len(numbers) :])) == 1


def test_a_number_leads_to_its_line_its_pictures_and_its_record(page):
    page.find_element("link text", "3.11").click()
    assert "/lines/1-lab-a/" in page.current_url
    widths = "return [...document.querySelectorAll('.triple img')].map((one) => one.naturalWidth)"
    wait(page, lambda: page.execute_script(widths) == [64] * 9)
    head(page, "AUROC %").click()
    page.find_element("partial link text", "(JSON)").click()
    assert "/records/1-lab-a/mslub/t1/gaussian/" in page.current_url
    shown = json.loads(page.find_element("css selector", "pre").text)
    assert shown["protocols"]["pixel-pooled@1"]["metrics"]["ap"] == 0.0311
    assert page.get_log("browser") == []


def test_nothing_is_said_on_the_console_and_no_request_leaves_the_folder(page, site):
    for path in sorted(site.rglob("*.html")):
        page.get(path.as_uri())
    assert page.get_log("browser") == []
    asked = requests_of(page)
    assert {one for one in asked if not one.startswith(("data:", site.as_uri()))} == set()


@pytest.mark.parametrize("width", [390, 1280])
def test_every_kind_of_page_fits_its_window_and_can_be_read(page, site, width):
    kinds = ["index.html", "tasks", "methods", "datasets", "stores", "lines/1-lab-a"]
    for kind in kinds:
        path = site / kind if kind.endswith(".html") else sorted((site / kind).glob("*.html"))[0]
        resize(page, width)
        page.get(path.as_uri())
        page.execute_script(
            "document.querySelectorAll('details').forEach((one) => (one.open = true))"
        )
        assert page.execute_script("return document.documentElement.scrollWidth") <= width, kind
        found = page.execute_script(CONTRAST)
        assert [one for one in found if one[1] < 4.5 or one[2] < 10.5] == [], kind
