"""Every page that a subscriber or an auditor sees, examined by axe-core in a real browser, in light and in dark: no violation.

axe's script is the one that the package `axe-core-python` carries; nothing is fetched.
"""
import os

import pytest

from harness import ALICE, BOB, CAROL
from test_browser import (BROWSER, DRIVER, consent_page, follow, on_the_network, open_browser, open_request, prepare_my_data, press, screenshot,
                          set_width)

axe = pytest.importorskip("axe_core_python", reason="axe-core-python is not installed")
pytestmark = pytest.mark.skipif(not (DRIVER and BROWSER), reason="Chromium and chromedriver are not installed")

with open(os.path.join(os.path.dirname(axe.__file__), "axe.min.js")) as file:
    SCRIPT = file.read()


@pytest.fixture(scope="module")
def driver():
    driver = open_browser()
    yield driver
    driver.quit()


@pytest.fixture(params=["light", "dark"])
def browser(driver, request):
    driver.delete_all_cookies()
    driver.execute_cdp_cmd("Network.enable", {})
    driver.execute_cdp_cmd("Network.setExtraHTTPHeaders", {"headers": {}})
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": request.param}]})
    set_width(driver, 360)
    driver.mode = request.param
    return driver


def examine(browser, name):
    screenshot(browser, f"{name}-{browser.mode}")
    assert browser.execute_script("return matchMedia(`(prefers-color-scheme: ${arguments[0]})`).matches", browser.mode)
    browser.execute_script(SCRIPT)
    found = browser.execute_async_script(
        "const done = arguments[0]; axe.run().then(r => done({violations: r.violations, passes: r.passes.length}))")
    faults = [(v["id"], v["help"], [node["html"] for node in v["nodes"]]) for v in found["violations"]]
    assert not faults, f"{name}: {faults}"
    assert found["passes"] > 5, "it looked at something"


def test_the_consent_page(demo, browser):
    open_request(demo, browser)
    examine(browser, "axe-sim-cards")
    follow(browser, f'button[name=subscriber][value="{ALICE}"]')
    consent_page(browser)
    examine(browser, "axe-consent")
    press(browser, "input[name=category][value=device-make-model]")
    examine(browser, "axe-consent-unticked")


def test_the_simulated_phone(demo, browser):
    assert demo.backchannel(CAROL).status_code == 200
    browser.get(demo.issuer + "/demo/phone?subscriber=%2B" + CAROL[1:])
    examine(browser, "axe-phone")
    browser.get(demo.issuer + "/demo/phone")
    examine(browser, "axe-phones")


def test_the_simulated_operator(simulator, browser):
    browser.get(simulator.url + "/simulator/")
    press(browser, "button[data-change*=go-abroad]")
    examine(browser, "axe-simulator")


def test_the_pages_that_only_say_something(demo, browser):
    for name, path in (("start", "/"), ("apis", "/apis"), ("api", "/apis/device-identifier/0.3.0"), ("no-api", "/apis/none"), ("error", "/authorize?client_id=nobody"), ("unknown", "/consent?interaction=none")):
        browser.get(demo.issuer + path)
        examine(browser, f"axe-{name}")


def test_the_one_time_code_pages(gateway, browser):
    open_request(gateway, browser)
    examine(browser, "axe-number")
    type_number(browser, "nonsense")
    examine(browser, "axe-number-refused")
    type_number(browser, BOB)
    examine(browser, "axe-code")


def test_signing_in_to_my_data_with_a_code(gateway, browser):
    browser.get(gateway.issuer + "/my")
    examine(browser, "axe-my-number")
    type_number(browser, BOB)
    examine(browser, "axe-my-code")


def type_number(browser, number):
    from selenium.webdriver.common.by import By
    field = browser.find_element(By.ID, "number")
    field.clear()
    field.send_keys(number)
    follow(browser, "main form button")


def test_my_data(demo, browser):
    from selenium.webdriver.common.by import By
    number = "+33639980011"
    prepare_my_data(demo, number)
    browser.get(demo.issuer + "/my")
    examine(browser, "axe-my-sim-cards")
    on_the_network(browser, number)
    browser.get(demo.issuer + "/my")
    examine(browser, "axe-my")
    for summary in browser.find_elements(By.TAG_NAME, "summary"):
        summary.click()
    examine(browser, "axe-my-open")
    follow(browser, 'form[action="/my/withdraw-all"] button')
    examine(browser, "axe-my-withdraw-all")
    follow(browser, "main form button")
    examine(browser, "axe-my-done")
    follow(browser, ".again a")
    follow(browser, 'form[action="/my/sign-out"] button')
    examine(browser, "axe-my-signed-out")


def test_the_auditors_pages_and_a_statement(demo, browser):
    from test_auditor_browser import auditor_pages, prepare_audit
    prepare_audit(demo)
    for name in auditor_pages(demo, browser):
        examine(browser, f"axe-auditor-{name}")
