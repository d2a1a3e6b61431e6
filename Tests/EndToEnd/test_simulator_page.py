"""The simulator's page in a real browser (headless Chromium): what is pressed there happens to the phone, and reaches who has subscribed."""
import pytest

from harness import ALICE
from sinks import Sink
from test_browser import BROWSER, DRIVER, open_browser, press, screenshot, set_width
from test_simulator_events import ROAMING, subscribe

pytestmark = pytest.mark.skipif(not (DRIVER and BROWSER), reason="Chromium and chromedriver are not installed")


@pytest.fixture
def browser():
    driver = open_browser()
    set_width(driver, 1000)
    yield driver
    driver.quit()


def wait(browser, condition):
    from selenium.webdriver.support.ui import WebDriverWait
    WebDriverWait(browser, 10).until(condition)


def text(browser, selector):
    return browser.execute_script("return document.querySelector(arguments[0]).innerText", selector)


def test_what_is_pressed_happens_and_is_told(simulator, browser):
    sink = Sink(tls=False)
    subscribe(simulator, sink, ROAMING, "roaming-status")
    browser.get(simulator.url + "/simulator/?subscriber=%2B" + ALICE[1:])
    wait(browser, lambda b: "Roaming" in text(b, "#state"))
    press(browser, "button[data-change*=go-abroad]")
    wait(browser, lambda b: "ES" in text(b, "#state") and "delivered" in text(b, "#events"))
    assert sink.wait(1)[0]["data"]["countryCode"] == 214
    browser.execute_script("document.getElementById('type').value = 'roaming-status'")
    press(browser, "#order button")
    wait(browser, lambda b: "Sent to 1 subscription" in text(b, "#message"))
    assert len(sink.wait(2)) == 2
    press(browser, "#restore")
    assert sink.wait(3)[2]["data"]["roaming"] is False
    wait(browser, lambda b: text(b, "#events").count("delivered") == 3)
    screenshot(browser, "simulator")
    sink.stop()
