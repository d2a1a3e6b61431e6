"""The pages in a real browser (headless Chromium): allow, deny, untick, SIM cards, back button, double submit.

Screenshots go to the folder that PASSERELLE_SCREENSHOTS names, when it names one.
"""
import http.server
import os
import shutil
import threading
from urllib.parse import parse_qs, urlencode, urlparse

import pytest

from harness import ALICE, IDENTIFIER, PURPOSE, TYPE, pkce

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
        browser.save_screenshot(os.path.join(folder, name + ".png"))


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


def press(browser, selector):
    from selenium.webdriver.common.by import By
    browser.find_element(By.CSS_SELECTOR, selector).click()


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


@pytest.mark.parametrize("language, width", [("en", 320), ("fr", 320), ("es", 320), ("de", 320), ("fr", 768), ("de", 768), ("en", 1280)])
def test_nothing_is_cut_off_at_any_width(demo, browser, language, width):
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 700})
    open_request(demo, browser, ALICE, ui_locales=language)
    screenshot(browser, f"consent-{language}-{width}")
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    assert browser.execute_script("return document.documentElement.lang") == language
