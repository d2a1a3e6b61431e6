"""The pages in a real browser (headless Chromium): allow, deny, untick, SIM cards, back button, double click, two tabs, a page that
was left too long, and the subscriber's own pages.

Screenshots go to the folder that PASSERELLE_SCREENSHOTS names, when it names one.
"""
import base64
import contextlib
import http.server
import os
import shutil
import sqlite3
import threading
import time
from urllib.parse import parse_qs, urlencode, urlparse

import pytest

from harness import ALICE, BOB, CAROL, DAVE, ERIN, IDENTIFIER, PURPOSE, TYPE, pkce

DRIVER, BROWSER = shutil.which("chromedriver"), shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(not (DRIVER and BROWSER), reason="Chromium and chromedriver are not installed")


class Application(http.server.BaseHTTPRequestHandler):
    """The client's redirection endpoint: it notes what it is told."""
    told = []

    def do_GET(self):
        if self.path.startswith("/callback"):
            Application.told.append({n: v[0] for n, v in parse_qs(urlparse(self.path).query).items()})
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<title>Application</title><h1>Back at the application</h1>")

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def application(demo):
    try:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 8090), Application)
    except OSError:
        pytest.skip("port 8090, where the demo's clients are called back, is taken")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def open_browser():
    """A browser of the size of a phone."""
    from selenium import webdriver
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=360,780", "--lang=en"):
        options.add_argument(argument)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    driver.set_page_load_timeout(20)
    return driver


@pytest.fixture
def browser(application):
    driver = open_browser()
    Application.told.clear()
    yield driver
    driver.quit()


def screenshot(browser, name):
    folder = os.environ.get("PASSERELLE_SCREENSHOTS")
    if folder:
        os.makedirs(folder, exist_ok=True)
        # The whole page, also what is below the fold.
        taken = browser.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True})
        with open(os.path.join(folder, name + ".png"), "wb") as file:
            file.write(base64.b64decode(taken["data"]))


def set_width(browser, width):
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                            {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 700})


def on_the_network(browser, number, language="en"):
    """From now on the browser's requests come over the operator's network."""
    browser.execute_cdp_cmd("Network.enable", {})
    browser.execute_cdp_cmd("Network.setExtraHTTPHeaders", {"headers": {"x-network-msisdn": number, "Accept-Language": language}})


def open_request(demo, browser, number=None, **parameters):
    """What an application's link does; without a number the demo's SIM cards stand in for the network."""
    verifier, challenge = pkce()
    query = {"response_type": "code", "client_id": "demo-all", "redirect_uri": "http://127.0.0.1:8090/callback", "state": "s1",
             "scope": f"openid {PURPOSE} {IDENTIFIER} {TYPE}", "nonce": "n", "code_challenge": challenge,
             "code_challenge_method": "S256", "prompt": "consent"} | parameters
    browser.get(demo.issuer + "/authorize?" + urlencode(query))
    from selenium.webdriver.common.by import By
    if number:
        screenshot(browser, "sim-cards")
        press(browser, f'button[name=subscriber][value="{number}"]')
        consent_page(browser)
    return verifier


def consent_page(browser):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait
    WebDriverWait(browser, 10).until(lambda b: b.find_elements(By.CSS_SELECTOR, "button[name=decision]"))
    assert "Aurora Insurance" in browser.page_source


def until_shown(browser, text, selector="body"):
    """Waits for `text`. The element is found and read in one step: found alone, it may belong to the page that is being left."""
    from selenium.webdriver.support.ui import WebDriverWait
    script = "return document.querySelector(arguments[0])?.innerText ?? ''"
    WebDriverWait(browser, 10).until(lambda b: text in b.execute_script(script, selector))


def press(browser, selector):
    from selenium.common.exceptions import StaleElementReferenceException
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait
    wait = WebDriverWait(browser, 10, ignored_exceptions=[StaleElementReferenceException])
    wait.until(lambda b: b.find_element(By.CSS_SELECTOR, selector).click() or True)


def follow(browser, selector):
    """Presses what leads to another page, and waits for that page: it may look like the one that is being left."""
    from selenium.common.exceptions import WebDriverException
    from selenium.webdriver.support.ui import WebDriverWait
    browser.execute_script("window.isBeingLeft = true")
    press(browser, selector)
    arrived = "return !window.isBeingLeft && document.readyState === 'complete'"
    WebDriverWait(browser, 20, ignored_exceptions=[WebDriverException]).until(lambda b: b.execute_script(arrived))


def decide(browser, decision):
    """Presses a button of the consent page and waits until the application has been told."""
    press(browser, f"button[name=decision][value={decision}]")
    back_at_the_application(browser)


def back_at_the_application(browser):
    from selenium.webdriver.support.ui import WebDriverWait
    WebDriverWait(browser, 10).until(lambda b: b.title == "Application" and Application.told)


def redeem(demo, verifier):
    answer = demo.token_request("demo-all", grant_type="authorization_code", code=Application.told[-1]["code"],
                                redirect_uri="http://127.0.0.1:8090/callback", code_verifier=verifier)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_allow(demo, browser):
    verifier = open_request(demo, browser, ALICE)
    screenshot(browser, "consent-en")
    decide(browser, "allow")
    assert set(demo.call(redeem(demo, verifier)["access_token"]).json()) >= {"imei", "model"}


def test_deny(demo, browser):
    open_request(demo, browser, ALICE)
    decide(browser, "deny")
    assert Application.told[-1]["error"] == "access_denied" and Application.told[-1]["state"] == "s1"


def test_untick(demo, browser):
    verifier = open_request(demo, browser, ALICE)
    press(browser, 'input[name=category][value=device-make-model]')
    screenshot(browser, "consent-unticked")
    decide(browser, "allow")
    token = redeem(demo, verifier)
    assert TYPE not in token["scope"]
    assert set(demo.call(token["access_token"]).json()) == {"lastChecked", "imei", "imeisv"}


def test_back_button_and_a_second_decision(demo, browser):
    from selenium.webdriver.common.by import By
    open_request(demo, browser, ALICE)
    decide(browser, "allow")
    told = len(Application.told)
    browser.back()
    buttons = browser.find_elements(By.CSS_SELECTOR, 'button[name=decision][value=deny]')
    if buttons:
        from selenium.webdriver.support.ui import WebDriverWait
        from selenium.webdriver.support.expected_conditions import staleness_of
        buttons[0].click()
        WebDriverWait(browser, 10).until(staleness_of(buttons[0]))
    screenshot(browser, "second-decision")
    assert len(Application.told) == told, "the second decision goes nowhere"
    assert demo.json("consents", "list", "--subject", "tel:" + ALICE)[0]["status"] == "granted"


def test_a_double_click_decides_once(demo, browser):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By
    verifier = open_request(demo, browser, BOB)
    ActionChains(browser).double_click(browser.find_element(By.CSS_SELECTOR, "button[value=allow]")).perform()
    # Whichever of the two answers the browser shows: one decision was taken, and nothing was undone.
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and not (Application.told or "Already decided" in browser.page_source):
        time.sleep(0.05)
    assert len(Application.told) <= 1
    row, = demo.json("consents", "list", "--subject", "tel:" + BOB)
    events = demo.json("consents", "show", row["id"])["events"]
    assert row["status"] == "granted" and [event["event"] for event in events] == ["granted"]
    if Application.told:
        redeem(demo, verifier)


def test_two_tabs_are_two_questions(demo, browser):
    open_request(demo, browser, CAROL, state="first")
    first = browser.current_window_handle
    browser.switch_to.new_window("tab")
    open_request(demo, browser, DAVE, state="second")
    decide(browser, "deny")
    browser.switch_to.window(first)
    decided = len(Application.told)
    press(browser, "button[value=allow]")
    from selenium.webdriver.support.ui import WebDriverWait
    WebDriverWait(browser, 10).until(lambda _: len(Application.told) > decided)
    second, first = Application.told
    assert (second["state"], second["error"]) == ("second", "access_denied")
    assert first["state"] == "first" and "code" in first
    for number, status in ((CAROL, "granted"), (DAVE, "denied")):
        assert demo.json("consents", "list", "--subject", "tel:" + number)[0]["status"] == status


def test_a_page_that_was_left_too_long_decides_nothing(demo, browser):
    from selenium.webdriver.support.ui import WebDriverWait
    open_request(demo, browser, ERIN)
    # Nobody wants to wait ten minutes: the request is made older.
    with contextlib.closing(sqlite3.connect(os.path.join(demo.data, "data", "passerelle.sqlite"), timeout=10)) as database, database:
        database.execute("UPDATE interactions SET expires_at = created_at WHERE finished_at IS NULL")
    press(browser, "button[value=allow]")
    until_shown(browser, "This page is no longer valid")
    screenshot(browser, "expired")
    assert not Application.told and demo.json("consents", "list", "--subject", "tel:" + ERIN) == []


def test_keyboard_alone(demo, browser):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
    open_request(demo, browser, ALICE)
    for _ in range(30):
        browser.switch_to.active_element.send_keys(Keys.TAB)
        active = browser.switch_to.active_element
        if active.get_attribute("name") == "decision" and active.get_attribute("value") == "allow":
            active.send_keys(Keys.ENTER)
            break
    back_at_the_application(browser)
    assert "code" in Application.told[-1]


LANGUAGES, WIDTHS = ("en", "fr", "es", "de"), (320, 768, 1280)


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_cut_off_at_any_width(demo, browser, language):
    for width in WIDTHS:
        set_width(browser, width)
        open_request(demo, browser, ALICE, ui_locales=language)
        screenshot(browser, f"consent-{language}-{width}")
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
        assert browser.execute_script("return document.documentElement.lang") == language


# The subscriber's own pages.

def prepare_my_data(demo, number):
    """Something of each kind: a consent that was used, one of another application's, and one that was denied."""
    demo.call(demo.token(number, prompt="consent"))
    demo.token(number, (TYPE,), "demo-few", prompt="consent")
    demo.authorize(number, (TYPE,), "demo-limit", prompt="consent").decide("deny")


@pytest.fixture
def window():
    """A browser that no application waits for."""
    driver = open_browser()
    yield driver
    driver.quit()


@pytest.mark.parametrize("language", LANGUAGES)
def test_my_data_is_cut_off_at_no_width(demo, window, language):
    from selenium.webdriver.common.by import By
    number = "+33639980011"
    if not demo.json("consents", "list", "--subject", "tel:" + number):
        prepare_my_data(demo, number)
    on_the_network(window, number, language)
    for width in WIDTHS:
        set_width(window, width)
        window.get(demo.issuer + "/my")
        screenshot(window, f"my-{language}-{width}")
        for summary in window.find_elements(By.TAG_NAME, "summary"):
            window.execute_script("arguments[0].parentElement.open = true", summary)
        screenshot(window, f"my-open-{language}-{width}")
        assert window.execute_script("return document.documentElement.scrollWidth") <= width
        assert window.execute_script("return document.documentElement.lang") == language
        press(window, 'form[action="/my/withdraw"] button')
        screenshot(window, f"my-withdraw-{language}-{width}")
        assert window.execute_script("return document.documentElement.scrollWidth") <= width


def test_withdrawing_by_keyboard_alone(demo, window):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.ui import WebDriverWait
    number = "+33639980012"
    token = demo.token(number)
    on_the_network(window, number)
    window.get(demo.issuer + "/my")

    def press_by_keyboard(text):
        for _ in range(30):
            window.switch_to.active_element.send_keys(Keys.TAB)
            if window.switch_to.active_element.text == text:
                return window.switch_to.active_element.send_keys(Keys.ENTER)
        raise AssertionError(text)

    press_by_keyboard("Withdraw")
    until_shown(window, "Withdraw your consent?", "h1")
    assert demo.call(token).status_code == 200, "nothing happened yet"
    press_by_keyboard("Withdraw")
    until_shown(window, "Done", "h1")
    assert demo.call(token).status_code == 403
    press_by_keyboard("Back to my data")
    until_shown(window, "My data", "h1")
    # The confirmation that is behind: its button finds nothing to withdraw any more.
    window.back()
    window.back()
    if window.find_elements(By.CSS_SELECTOR, 'form[action="/my/withdraw"][method=post]'):
        press(window, "main form button")
    assert demo.json("consents", "list", "--subject", "tel:" + number)[0]["status"] == "revoked"
