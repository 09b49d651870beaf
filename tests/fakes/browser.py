"""What tests do with pages in a browser."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from typing import Any

from conftest import skip_or_fail

CONTRAST = """
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((one) => one / 255)
    .map((one) => (one <= 0.03928 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4))
    .reduce((sum, one, at) => sum + one * [0.2126, 0.7152, 0.0722][at], 0);
  const behind = (one) => {
    for (; one; one = one.parentElement) {
      const colour = parse(getComputedStyle(one).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const one = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !one.getClientRects().length) continue;
    const style = getComputedStyle(one);
    const [a, b] = [parse(one.closest('svg') ? style.fill : style.color), behind(one)].map(light);
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const drawn = one.closest('svg');
    const scale = drawn ? drawn.getBoundingClientRect().width / drawn.viewBox.baseVal.width : 1;
    found.push([walker.currentNode.textContent.trim().slice(0, 40), ratio,
                parseFloat(style.fontSize) * scale]);
  }
  return found;"""


def resize(driver, width: int) -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def column(page, title: str) -> list[str]:
    """The texts of a column's visible rows, the number without its interval."""
    script = """
      const heads = [...document.querySelectorAll('#results thead th')];
      const at = heads.findIndex((one) => one.textContent.trim() === arguments[0]);
      return [...document.querySelectorAll('#results tbody tr:not([hidden])')]
        .map((row) => row.cells[at].firstChild.textContent.trim());"""
    return page.execute_script(script, title)


def head(page, title: str):
    xpath = f"//table[@id='results']//button[normalize-space()='{title}']"
    return page.find_element("xpath", xpath)


def choose(page, name: str, value: str) -> None:
    from selenium.webdriver.support.select import Select

    Select(page.find_element("name", name)).select_by_visible_text(value)


def count(page) -> str:
    return page.find_element("id", "count").text


def wait(page, holds) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(page, 10).until(lambda _: holds())


def browser() -> Iterator[Any]:
    """Headless Chromium, until it is no longer needed."""
    try:
        from selenium import webdriver
    except ImportError:
        skip_or_fail("selenium is not installed (pip install selenium)")
    programs = [shutil.which(name) for name in ("chromium", "chromedriver")]
    if None in programs:
        skip_or_fail("chromium and chromedriver are not installed (Debian: chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = programs[0]
    for one in ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage"):
        options.add_argument(f"--{one}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.ChromeService(programs[1])
    driver = webdriver.Chrome(options=options, service=service)
    # Smooth scrolling would move things away while they are clicked.
    still = {"features": [{"name": "prefers-reduced-motion", "value": "reduce"}]}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", still)
    yield driver
    driver.quit()


def requests_of(page: Any) -> list[str]:
    """The addresses that the browser has asked for since the last time."""
    messages = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
    return [
        one["params"]["request"]["url"]
        for one in messages
        if one["method"] == "Network.requestWillBeSent"
    ]
