"""The static site in a real browser, opened as files: no server takes part."""

from __future__ import annotations

import json

import pytest

CONTRAST = """
const luminance = ([r, g, b]) => {
  const [x, y, z] = [r, g, b].map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  return 0.2126 * x + 0.7152 * y + 0.0722 * z;
};
const numbers = (color) => color.match(/[\\d.]+/g).map(Number);
const ground = (node) => {
  for (; node; node = node.parentElement) {
    const color = numbers(getComputedStyle(node).backgroundColor);
    if (color.length === 3 || color[3] === 1) return color;
  }
  return [255, 255, 255];
};
const weak = [];
for (const node of document.querySelectorAll("body *")) {
  const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim());
  if (!own || !node.checkVisibility()) continue;
  const [a, b] = [luminance(numbers(getComputedStyle(node).color)), luminance(ground(node))];
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (ratio < 4.5) weak.push(`${node.tagName} ${node.className} ${ratio.toFixed(2)}`);
}
return weak;
"""
NAMELESS = """
const named = (node) => node.textContent.trim() || node.getAttribute("aria-label") || node.labels?.length;
return [...document.querySelectorAll("a, button, input, summary")]
  .filter((node) => node.checkVisibility() && !named(node)).map((node) => node.outerHTML);
"""


@pytest.fixture
def page(driver, site):
    """Opens a page of the site as a reader would, and says afterwards what went wrong in it."""

    def open_page(address: str = "index.html", *, width: int = 1280, height: int = 900, dark: bool = False):
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        driver.get("about:blank")
        driver.get(f"{site.as_uri()}/{address}")
        return driver

    yield open_page
    driver.execute_script("try { localStorage.clear() } catch {}")
    assert driver.title != "attacked"
    assert [entry for entry in driver.get_log("browser") if entry["level"] in ("WARNING", "SEVERE")] == []


def find(driver, selector):
    return driver.find_element("css selector", selector)


def names(driver):
    return [link.text for link in driver.find_elements("css selector", "#results h2 a")]


def press(driver, *keys):
    from selenium.webdriver import ActionChains, Keys

    for key in keys:
        ActionChains(driver).send_keys(
            getattr(Keys, key) if len(key) > 1 and key.isupper() else key
        ).perform()


def focused(driver):
    return driver.switch_to.active_element


def is_dark(driver):
    return (
        driver.execute_script("return getComputedStyle(document.body).backgroundColor") == "rgb(19, 22, 25)"
    )


def widest(driver):
    return driver.execute_script(
        "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )


def test_a_processor_is_found_by_typing_and_opened(page, screenshot):
    driver = page()
    screenshot("search")
    find(driver, "#words").send_keys("filter rows")

    assert names(driver)[0] == "filter_rows"
    assert find(driver, "#status").text == f"{len(names(driver))} processors"

    screenshot("search-results")
    find(driver, "#results h2 a").click()

    assert find(driver, "h1").text == "filter_rows"
    assert "Parameters" in find(driver, "main").text
    screenshot("processor")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("load_csv", "load_csv"),
        ("fitler", "filter_rows"),
        ("stdlib.add_field", "add_field"),
        ("csv", "load_csv"),
    ],
)
def test_names_formats_long_names_and_misspelt_words_are_found(page, words, expected):
    driver = page()
    find(driver, "#words").send_keys(words)

    assert names(driver)[0] == expected


def test_words_that_nothing_has_say_so(page):
    driver = page()
    find(driver, "#words").send_keys("qqqqqqqqqqqq")

    assert names(driver) == []
    assert "No processor found" in find(driver, "#status").text

    find(driver, "#clear").click()

    assert len(names(driver)) > 1
    assert focused(driver).get_attribute("id") == "words"


def test_a_format_filters_and_the_address_keeps_it(page):
    driver = page()
    everything = len(names(driver))
    find(driver, "input[name=formats][value=csv]").click()
    kept = names(driver)

    assert "load_csv" in kept
    assert len(kept) < everything
    assert focused(driver).get_attribute("value") == "csv"

    address = driver.current_url
    driver.get("about:blank")
    driver.get(address)

    assert address.endswith("#formats=csv")
    assert names(driver) == kept
    assert find(driver, "input[name=formats][value=csv]").is_selected()


def test_filters_of_one_kind_widen_and_of_two_narrow(page):
    driver = page()
    find(driver, "input[name=distribution][value=dataflows-load-csv]").click()
    one = set(names(driver))
    find(driver, "input[name=distribution][value=dataflows-core]").click()
    both = set(names(driver))
    find(driver, "input[name=formats][value=csv]").click()

    assert one < both
    assert {"load_csv"} <= set(names(driver)) < both


def test_the_keyboard_alone_is_enough(page):
    driver = page()
    press(driver, "/", *"filter")
    assert find(driver, "#words").get_attribute("value") == "filter"
    press(driver, "ARROW_DOWN")
    assert focused(driver).text == names(driver)[0]
    assert driver.execute_script("return getComputedStyle(document.activeElement).outlineStyle") == "solid"
    press(driver, "ARROW_DOWN", "ARROW_UP", "ARROW_UP")
    assert focused(driver).get_attribute("id") == "words"
    first = names(driver)[0]
    press(driver, "ENTER")

    assert find(driver, "h1").text == first


def test_the_first_stop_of_the_keyboard_skips_the_frame(page):
    driver = page("all.html")
    press(driver, "TAB")
    assert focused(driver).text == "Skip to the content"
    press(driver, "ENTER")

    assert focused(driver).get_attribute("id") == "main"


def test_filters_are_reached_and_set_by_the_keyboard(page):
    driver = page()
    find(driver, "#words").send_keys("csv")
    for _ in range(60):
        press(driver, "TAB")
        if focused(driver).get_attribute("name") == "formats":
            break
    press(driver, "SPACE")

    assert focused(driver).is_selected()
    assert focused(driver).get_attribute("name") == "formats"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("address", ["index.html", "processors/dataflows-stdlib/filter_rows.html"])
def test_the_system_s_theme_holds_until_another_is_chosen(page, address, dark, screenshot):
    driver = page(address, dark=dark)
    assert is_dark(driver) is dark
    assert driver.execute_script(CONTRAST) == []
    if dark:
        screenshot(f"dark-{address.partition('/')[0].removesuffix('.html')}")

    find(driver, "#theme").click()
    assert is_dark(driver) is not dark
    driver.refresh()

    assert is_dark(driver) is not dark
    assert driver.execute_script(CONTRAST) == []


@pytest.mark.parametrize(
    "address",
    [
        "index.html",
        "all.html",
        "index.html#q=load",
        "processors/dataflows-stdlib/join.html",
        "distributions/dataflows-load-csv.html",
        "../hostile/distributions/dataflows-hostile.html",
    ],
)
def test_a_narrow_screen_shows_everything_without_scrolling_sideways(page, address, screenshot):
    driver = page(address, width=320, height=640)

    assert widest(driver) <= 0
    assert driver.execute_script(NAMELESS) == []
    screenshot("narrow-" + address.partition("#")[0].replace("/", "-").strip(".-").removesuffix(".html"))


def test_filters_are_folded_on_a_narrow_screen(page):
    driver = page(width=320, height=640)
    assert not find(driver, "#facets").is_displayed()

    find(driver, "#filters summary").click()

    assert find(driver, "#facets").is_displayed()


def test_an_example_is_copied_without_prompts_and_output(page):
    driver = page("processors/dataflows-stdlib/add_field.html")
    driver.execute_script(
        "navigator.clipboard.writeText = async (text) => { window.copied = text; };"
        "document.querySelector('.copy[aria-label=\"Copy: Python\"]').click()"
    )
    copied = driver.execute_script("return window.copied")

    assert copied.startswith("from dataflows_core import Flow\n")
    assert ">>>" not in copied
    assert "[[" not in copied
    compile(copied, "copied", "exec")


@pytest.mark.parametrize("width", [320, 1280])
def test_what_a_hostile_distribution_says_is_text(page, width):
    driver = page("../hostile/index.html#q=hostile", width=width)
    assert "<script>" in find(driver, "#results").text
    find(driver, "#results h2 a").click()

    assert find(driver, "h1").text == "../../hostile</script>"
    assert widest(driver) <= 0
    assert driver.find_elements("css selector", "main img, main script, main a[href^=javascript]") == []
    assert driver.execute_script(NAMELESS) == []
    assert driver.execute_script(CONTRAST) == []


def test_the_list_of_all_needs_no_script(driver, page, site):
    driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        page("all.html")
        find(driver, "a[href='processors/dataflows-stdlib/filter_rows.html']").click()

        assert find(driver, "h1").text == "filter_rows"
        assert not find(driver, "#theme").is_displayed()
    finally:
        driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_pages_ask_for_nothing_outside_the_site(driver, page, site):
    driver.get_log("performance")  # what the browser itself asked for at its start
    page("processors/dataflows-stdlib/filter_rows.html")
    messages = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    asked = [
        one["params"]["request"]["url"] for one in messages if one["method"] == "Network.requestWillBeSent"
    ]

    assert f"{site.as_uri()}/assets/style.css" in asked
    assert [one for one in asked if not one.startswith((site.as_uri(), "data:", "about:"))] == []
