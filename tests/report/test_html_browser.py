"""The HTML report in a real browser: headless Chromium."""

from base64 import b64decode
from urllib.parse import unquote

import pytest

from bench.report import build_report
from bench.report.html import make_content, to_html
from bench.report.rows.pick import LineKey
from fakes.browser import CONTRAST, choose, column, count, head, requests_of, resize, wait
from fakes.report_samples import CARDS, ROWS, record, sample_records
from fakes.report_views import a_view

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    records = [*sample_records(), record("<img src=x onerror=document.title='hurt'>", 0.0101)]
    made = build_report(records, CARDS, ROWS)
    views = {
        LineKey("mslub/t1", name, "{}", "ixi", "quick"): a_view(seed)
        for seed, name in ((10, "gaussian"), (20, "equalized"), (30, "ae"))
    }
    content = make_content(
        records,
        made.rows,
        CARDS,
        further=[one for one in made.tables if one.name == "published"],
        views=views,
        broken=[("odd/t1/ae/x.json", "no JSON")],
        stale=1,
    )
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(to_html(content), encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def page(driver, address):
    resize(driver, 1280)
    driver.get_log("performance")
    driver.get(address)
    return driver


def test_nothing_is_said_on_the_console_and_no_request_leaves_the_page(page, address):
    open_everything(page)
    assert page.get_log("browser") == []
    asked = requests_of(page)
    assert [url for url in asked if not url.startswith("data:")] == [address]
    assert page.title.startswith("bench report")


def test_the_policy_stops_what_could_not_be_there(page):
    refused = page.execute_async_script("""
      const done = arguments[0], heard = [];
      document.addEventListener('securitypolicyviolation',
        (one) => heard.push(one.effectiveDirective));
      document.body.append(Object.assign(new Image(), {src: 'http://127.0.0.1:9/x.png'}));
      const script = document.createElement('script');
      script.textContent = "document.title = 'hurt'";
      document.body.append(script);
      fetch('http://127.0.0.1:9/').catch(() => setTimeout(() => done(heard), 100));""")
    assert sorted(refused) == ["connect-src", "img-src", "script-src-elem"]
    assert page.title.startswith("bench report")
    page.get_log("browser")


def test_columns_sort_both_ways_and_missing_numbers_stay_last(page):
    head(page, "AP %").click()
    down = column(page, "AP %")
    numbers = [float(one) for one in down if one[0].isdigit()]
    assert numbers == sorted(numbers, reverse=True)
    assert set(down[len(numbers) :]) == {"–"}  # noqa: RUF001
    head(page, "AP %").click()
    up = column(page, "AP %")
    assert [float(one) for one in up[: len(numbers)]] == sorted(numbers)
    assert set(up[len(numbers) :]) == {"–"}  # noqa: RUF001
    head(page, "Method").click()
    assert column(page, "Method") == sorted(column(page, "Method"))
    sorted_by = page.find_elements("css selector", "th[aria-sort]")
    assert [one.get_attribute("aria-sort") for one in sorted_by] == ["ascending"]


def test_filters_combine_and_the_count_follows(page):
    every = len(page.find_elements("css selector", "#results tbody tr"))
    shown = len(column(page, "Method"))
    assert count(page) == f"{shown} of {every} rows"
    choose(page, "task", "mslub/t1")
    assert set(column(page, "Task")) == {"mslub/t1"}
    choose(page, "status", "failed")
    assert column(page, "Method") == ["broken"]
    choose(page, "status", "all")
    choose(page, "method", "proxyano")
    assert column(page, "Method") == ["proxyano (proxy=edge, slots=100)", "proxyano"]
    choose(page, "protocol", "image@1")
    assert set(column(page, "Protocol")) == {"image@1"}
    page.find_element("name", "text").send_keys("EDGE")
    assert column(page, "Method") == ["proxyano (proxy=edge, slots=100)"]
    page.find_element("css selector", "button[type=reset]").click()
    wait(page, lambda: count(page) == f"{shown} of {every} rows")
    choose(page, "protocol", "all")
    assert len(column(page, "Method")) == every


def test_pictures_appear_when_their_gallery_is_looked_at(page):
    galleries = page.find_elements("css selector", "details.gallery")
    assert [one.get_attribute("open") is not None for one in galleries] == [True, False, False]
    for gallery in galleries[1:]:
        assert len(gallery.find_elements("css selector", "img[data-picture]")) == 9
        gallery.find_element("css selector", "summary").click()
        wait(page, lambda one=gallery: not one.find_elements("css selector", "img[data-picture]"))
    script = "return [...arguments[0].querySelectorAll('.triple img')].map(i => i.naturalWidth)"
    wait(page, lambda: page.execute_script(script, galleries[1]) == [64] * 9)


def test_paper_shows_every_picture_and_the_page_is_closed_again(page):
    galleries = page.find_elements("css selector", "details.gallery")
    script = """
      window.addEventListener('beforeprint', () => {
        window.onPaper = [...document.querySelectorAll('details')].every((one) => one.open);
      });"""
    page.execute_script(script)
    printed = page.execute_cdp_cmd("Page.printToPDF", {})
    assert page.execute_script("return window.onPaper") is True
    pictures = b64decode(printed["data"]).count(b"/Subtype /Image")
    assert pictures >= 3 * 5  # three galleries; pictures that are alike are stored once
    assert not page.find_elements("css selector", "img[data-picture]")
    assert [one.get_attribute("open") is not None for one in galleries] == [True, False, False]


def test_no_table_is_cut_in_a_window_of_1280_pixels(page):
    open_everything(page)
    cut = page.execute_script(
        """return [...document.querySelectorAll('.scroll')]
          .filter((one) => one.scrollWidth > one.clientWidth + 1)
          .map((one) => [one.getAttribute('aria-label'), one.scrollWidth, one.clientWidth])"""
    )
    assert cut == []


def test_columns_without_a_number_come_with_the_rows_that_have_one(page):
    titles = """return [...document.querySelectorAll('#results thead th')]
      .filter((one) => !one.hidden).map((one) => one.textContent.trim())"""
    assert "AP %" in page.execute_script(titles)
    choose(page, "status", "failed")
    assert "AP %" not in page.execute_script(titles)
    page.find_element("css selector", "button[type=reset]").click()
    wait(page, lambda: "AP %" in page.execute_script(titles))


def test_the_keyboard_reaches_and_works_everything(page):
    from selenium.webdriver.common.keys import Keys

    def press(*keys):
        for key in keys:
            page.switch_to.active_element.send_keys(key)
        return page.switch_to.active_element

    assert page.find_element("tag name", "body").send_keys(Keys.TAB) is None
    first = page.switch_to.active_element
    assert first.text == "Skip to the results"
    assert first.rect["x"] >= 0
    seen = []
    for _ in range(60):
        focused = press(Keys.TAB)
        seen.append(focused.accessible_name or focused.text)
        if seen[-1].startswith("AP %"):
            break
    for name in ("Task", "Method", "Protocol", "Status", "Contains", "Reset"):
        assert name in seen
    assert (
        page.execute_script("return getComputedStyle(document.activeElement).outlineWidth") == "3px"
    )
    press(Keys.ENTER)
    assert page.find_element("css selector", "th[aria-sort]").text.startswith("AP %")
    summary = page.find_element("css selector", "details.gallery:not([open]) summary")
    page.execute_script("arguments[0].focus()", summary)
    press(Keys.ENTER)
    assert summary.find_element("xpath", "..").get_attribute("open") is not None


def test_every_control_and_picture_has_a_name(page):
    open_everything(page)
    for one in page.find_elements(
        "css selector", "button, select, input, a, [role=region], img, svg[role=img]"
    ):
        assert one.accessible_name.strip(), one.get_attribute("outerHTML")[:200]


@pytest.mark.parametrize("width", [390, 1280])
def test_text_is_large_and_dark_enough(page, width):
    resize(page, width)
    open_everything(page)
    found = page.execute_script(CONTRAST)
    assert len(found) > 300
    assert [one for one in found if one[1] < 4.5] == []
    assert [one for one in found if one[2] < 10.5] == []


@pytest.mark.parametrize("width", [360, 390, 768, 1280])
def test_nothing_but_tables_is_wider_than_the_window(page, width):
    resize(page, width)
    open_everything(page)
    assert page.execute_script("return document.documentElement.scrollWidth") <= width
    beyond = page.execute_script(
        """return [...document.querySelectorAll('main *')]
          .filter((one) => !one.closest('.scroll') && !one.closest('svg'))
          .filter((one) => one.getBoundingClientRect().right > arguments[0] + 1)
          .map((one) => one.outerHTML.slice(0, 100))""",
        width,
    )
    assert beyond == []


def test_a_phone_shows_method_task_and_headline_number_without_scrolling(page):
    resize(page, 390)
    right = page.execute_script(
        "return document.querySelector('#results tbody tr').cells[2].getBoundingClientRect().right"
    )
    assert right <= 390


def test_links_within_the_page_go_there(page):
    page.find_element("link text", "Failed and skipped").click()
    assert unquote(page.current_url).endswith("#unfinished")
    top = "return document.getElementById('unfinished').getBoundingClientRect().top"
    wait(page, lambda: page.execute_script(top) < 900)


def open_everything(page) -> None:
    page.execute_script("document.querySelectorAll('details').forEach((one) => (one.open = true))")
