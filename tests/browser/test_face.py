"""The page itself: small, alone, usable by everybody."""

from urllib.parse import urlsplit

import pytest

from tests.browser.stage import microphone, serving, visiting
from voice.bundled import web_path

pytestmark = [pytest.mark.browser, pytest.mark.server, pytest.mark.slow]

MOST_BYTES = 150_000

NAMELESS = """
() => [...document.querySelectorAll('button, input, select, textarea, a, summary')]
  .filter(each => {
    const label = each.labels?.[0]?.textContent ?? '';
    return !(each.getAttribute('aria-label') || label || each.textContent).trim();
  })
  .map(each => each.outerHTML)
"""
PALE = """
() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgb = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => [r, g, b]
    .map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (each) => {
    for (let at = each; at; at = at.parentElement) {
      const colour = rgb(getComputedStyle(at).backgroundColor);
      if (colour[3] === 255) return light(colour);
    }
    return light(rgb(getComputedStyle(document.documentElement).backgroundColor));
  };
  return [...document.querySelectorAll('body *')]
    .filter(each => [...each.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()))
    .filter(each => each.checkVisibility() && !each.closest('.unseen, :disabled, #orb'))
    .map(each => {
      const [a, b] = [light(rgb(getComputedStyle(each).color)), ground(each)].sort((x, y) => y - x);
      return [(a + 0.05) / (b + 0.05), each.outerHTML.slice(0, 90)];
    })
    .filter(([contrast]) => contrast < 4.5);
}
"""


async def test_it_is_small_and_asks_nobody_else(tmp_path):
    spoken = microphone(tmp_path, 1, "library", 30)
    async with serving() as server, visiting(server.url, spoken) as visitor:
        sizes = await visitor.page.evaluate(
            "() => performance.getEntriesByType('resource').map(each => each.decodedBodySize)"
        )
        await visitor.start()
        await visitor.sees(".caption.assistant[data-final=true]")
        hosts = {urlsplit(url).netloc for url in visitor.requests if url.startswith(("http", "ws"))}
        host = urlsplit(visitor.url).netloc
    assert hosts == {host}
    assert 20_000 < sum(sizes) < MOST_BYTES
    shipped = [p for p in web_path().rglob("*") if p.is_file() and "check" not in p.as_posix()]
    assert sum(path.stat().st_size for path in shipped) < MOST_BYTES
    assert visitor.errors == []


@pytest.mark.parametrize("width", [360, 768, 1360])
async def test_nothing_sticks_out(width):
    size = {"width": width, "height": 740}
    async with serving() as server, visiting(server.url, viewport=size) as visitor:
        await visitor.prefer(transport="websocket")
        await visitor.write("A question, and a word longer than it should be: " + "o" * 80)
        await visitor.sees(".caption.assistant[data-final=true]")
        for tab in ("latency", "tools", "settings"):
            await visitor.page.click(f"#tab-{tab}")
            reach = await visitor.page.evaluate("document.documentElement.scrollWidth")
            assert reach <= width, tab


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_everything_can_be_read_and_has_a_name(theme):
    async with serving() as server, visiting(server.url, color_scheme=theme) as visitor:
        await visitor.prefer(transport="websocket")
        await visitor.write("When?")
        await visitor.sees("#turns li")
        for tab in ("latency", "tools", "settings"):
            await visitor.page.click(f"#tab-{tab}")
            assert await visitor.page.evaluate(PALE) == []
            assert await visitor.page.evaluate(NAMELESS) == []


async def test_the_theme_can_be_chosen_and_stays():
    async with serving() as server, visiting(server.url, color_scheme="dark") as visitor:
        ground = "getComputedStyle(document.body).backgroundColor"
        dark = await visitor.page.evaluate(ground)
        await visitor.page.click("#theme")
        light = await visitor.page.evaluate(ground)
        await visitor.page.reload()
        assert await visitor.page.evaluate(ground) == light != dark
        assert await visitor.page.get_attribute("#theme", "aria-label") == "Theme: light"


async def test_keys_alone_are_enough(tmp_path):
    silent = microphone(tmp_path, 60)
    async with serving() as server, visiting(server.url, silent) as visitor:
        keys = visitor.page.keyboard
        await visitor.prefer(transport="websocket")

        async def tab_to(identity: str) -> None:
            for _ in range(40):
                if await visitor.page.evaluate("document.activeElement.id") == identity:
                    return
                await keys.press("Tab")
            pytest.fail(f"the Tab key does not lead to #{identity}")

        await tab_to("orb")
        await keys.press("Enter")
        await visitor.sees("#state", "Listening")
        await tab_to("say")
        await keys.type("When does it close?")
        await keys.press("Enter")
        await visitor.sees(".caption.assistant[data-final=true]", "It closes at four.")
        await visitor.sees("#spoken p", "Voice: It closes at four.", count=1)
        await tab_to("tab-latency")
        await keys.press("ArrowRight")
        await visitor.sees("#panel-tools")
        await keys.press("Tab")
        await tab_to("tool-on-clock")
        await keys.press(" ")
        assert await visitor.page.is_checked("#tool-on-clock")
        await visitor.page.focus("body")
        await keys.press("m")
        await visitor.sees("#state", "Muted")
        await visitor.page.focus("#orb")
        await tab_to("end")
        await keys.press("Enter")
        await visitor.sees("#state", "Ready when you are")
    assert visitor.errors == []
