"""Home Assistant's own REST sensor asks the gateway, as docs/clients.md sets it up."""

import asyncio
import importlib.metadata
import sys
import tempfile
from pathlib import Path

import yaml
from homeassistant import config_entries, core, loader
from homeassistant.bootstrap import async_load_base_functionality
from homeassistant.setup import async_setup_component

BASE, EUR = sys.argv[1], float(sys.argv[2])
DOCUMENT = (Path(__file__).parent / "../../docs/clients.md").read_text()


def recipes():
    section = DOCUMENT.split("# The REST sensor\n", 1)[1].split("\n#", 1)[0]
    blocks = [part.split("\n```", 1)[0] for part in section.split("```yaml\n")[1:]]
    return [sensor for block in blocks for sensor in yaml.safe_load(block.replace("http://localhost:8000", BASE))["sensor"]]


async def main():
    with tempfile.TemporaryDirectory() as folder:
        hass = core.HomeAssistant(folder)
        hass.config.skip_pip = True
        hass.config_entries = config_entries.ConfigEntries(hass, {})
        loader.async_setup(hass)
        await async_load_base_functionality(hass)
        assert await async_setup_component(hass, "sensor", {"sensor": recipes()}), "the sensor could not be set up"
        await hass.async_block_till_done()
        usd, euro = (hass.states.get(f"sensor.{name}") for name in ("bitcoin_price", "bitcoin_price_in_euros"))
        assert abs(float(euro.state) / float(usd.state) / EUR - 1) < 0.02, (usd, euro)
        assert usd.attributes["stale"] is False and usd.attributes["confidence"] > 0, usd
        await hass.async_stop(force=True)
        print(f"Home Assistant {importlib.metadata.version('homeassistant')} read {usd.state} USD and {euro.state} EUR")


asyncio.run(main())
