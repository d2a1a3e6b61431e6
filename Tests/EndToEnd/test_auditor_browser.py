"""The auditor's page in a real browser: cut off at no width, in light and in dark, by keyboard, and a statement to print."""
import time

import pytest

from harness import ALICE, TYPE, V03
from test_browser import BROWSER, DRIVER, follow, open_browser, screenshot, set_width, until_shown

pytestmark = pytest.mark.skipif(not (DRIVER and BROWSER), reason="Chromium and chromedriver are not installed")
MONTH = time.strftime("%Y-%m", time.gmtime())


def prepare_audit(demo):
    """Calls of two clients, of each kind."""
    if len(demo.json("audit", "search", "--correlator", "auditor-browser")) > 2:
        return
    for client, scopes in (("demo-all", None), ("demo-few", (TYPE,))):
        token = demo.token(ALICE, client_id=client, **({"scopes": scopes} if scopes else {}))
        for _ in range(6):
            demo.call(token, V03 + "/retrieve-type", **{"x-correlator": "auditor-browser"})
        demo.call(token, V03 + "/retrieve-type", body={"device": {"phoneNumber": ALICE}}, **{"x-correlator": "auditor-browser"})
        demo.call(token, V03 + "/retrieve-identifier", body=b"{", **{"x-correlator": "auditor-browser"})


def fill(browser, selector, text):
    from selenium.webdriver.common.by import By
    browser.find_element(By.CSS_SELECTOR, selector).send_keys(text)


def sign_in(demo, browser):
    browser.get(demo.description["admin"]["url"] + "/auditor")
    fill(browser, "#admin-token", demo.description["admin"]["token"])
    follow(browser, "main form button")
    until_shown(browser, "Search the ledger", "main")


def auditor_pages(demo, browser):
    """Goes to each of the pages, and names it."""
    browser.get(demo.description["admin"]["url"] + "/auditor")
    yield "sign-in"
    sign_in(demo, browser)
    yield "overview"
    follow(browser, 'form[action="/auditor/verify"] button')
    until_shown(browser, "unbroken", "main")
    yield "verified"
    fill(browser, "#subject", f"tel:{ALICE}")
    fill(browser, "#correlator", "auditor-browser")
    follow(browser, 'form[action="/auditor/search"] button')
    until_shown(browser, "about +33*****01", "main")
    yield "search"
    follow(browser, "tbody tr:last-child th a")
    until_shown(browser, "As it stands in the ledger", "main")
    yield "entry"
    browser.get(demo.description["admin"]["url"] + "/auditor/subscriptions")
    until_shown(browser, "Longest queues", "main")
    yield "subscriptions"
    browser.get(demo.description["admin"]["url"] + f"/auditor/statement?client_id=demo-all&month={MONTH}")
    until_shown(browser, "How it was reckoned", "main")
    yield "statement"


@pytest.fixture
def window():
    driver = open_browser()
    yield driver
    driver.quit()


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_nothing_is_cut_off(demo, window, width, mode):
    prepare_audit(demo)
    window.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": mode}]})
    set_width(window, width)
    for name in auditor_pages(demo, window):
        screenshot(window, f"auditor-{name}-{width}-{mode}")
        assert window.execute_script("return document.documentElement.scrollWidth") <= width, name
        if name not in ("sign-in", "statement"):
            bars = window.execute_script("return [...document.querySelectorAll('svg.chart rect')].map(r => getComputedStyle(r).fill)")
            assert name not in ("overview", "verified") or (bars and len(set(bars)) > 1 and "rgb(0, 0, 0)" not in bars), bars


def test_the_browser_refuses_nothing_of_the_pages_own_policy(demo, window):
    """A style that the policy does not allow would be in the console."""
    prepare_audit(demo)
    for name in auditor_pages(demo, window):
        faults = [entry["message"] for entry in window.get_log("browser") if "Content Security Policy" in entry["message"]]
        assert not faults, (name, faults)
    color = window.execute_script("return getComputedStyle(document.querySelector('svg.chart rect')).fill")
    assert color != "rgb(0, 0, 0)", "the statement's own style sheet applies"


def test_the_session_stays_with_the_auditors_own_clicks(demo, window):
    sign_in(demo, window)
    assert window.get_cookie("passerelle_auditor")["httpOnly"] and window.get_cookie("passerelle_auditor")["sameSite"] == "Strict"
    assert window.execute_script("return document.cookie") == ""
    assert window.current_url.endswith("/auditor")


def test_searching_by_keyboard_alone(demo, window):
    from selenium.webdriver.common.keys import Keys
    prepare_audit(demo)
    sign_in(demo, window)
    for _ in range(30):
        window.switch_to.active_element.send_keys(Keys.TAB)
        if window.switch_to.active_element.get_attribute("id") == "correlator":
            break
    window.switch_to.active_element.send_keys("auditor-browser", Keys.ENTER)
    until_shown(window, "entries", "main p")
    assert window.current_url.endswith("/auditor/search"), "nothing that was typed is in the address"


def test_a_statement_prints_on_paper(demo, window):
    prepare_audit(demo)
    sign_in(demo, window)
    window.get(demo.description["admin"]["url"] + f"/auditor/statement?client_id=demo-all&month={MONTH}")
    paper = window.execute_cdp_cmd("Page.printToPDF", {"printBackground": False, "paperWidth": 8.27, "paperHeight": 11.69})
    import base64
    data = base64.b64decode(paper["data"])
    assert data.startswith(b"%PDF") and data.count(b"/Type /Page\n") <= 3
