"""LNbits' own code asks the gateway, with the provider of docs/clients.md."""

import asyncio
import importlib.metadata
import sys

from lnbits.settings import ExchangeRateProvider, settings
from lnbits.utils.exchange_rates import btc_price, btc_rates

BASE, EUR = sys.argv[1], float(sys.argv[2])

settings.lnbits_exchange_rate_providers = [
    ExchangeRateProvider(name="Satscope", api_url=f"{BASE}/api/v1/prices", path="$.{TO}", exclude_to=["jpy"])
]
settings.lnbits_price_aggregator_enabled = False


async def main():
    price = {currency: await btc_price(currency) for currency in ("usd", "EUR")}
    assert abs(price["EUR"] / price["usd"] / EUR - 1) < 0.02, price
    # A currency without a rate has no price, whether it is excluded or not.
    assert await btc_rates("jpy") == [] and await btc_rates("chf") == []
    print(f"LNbits {importlib.metadata.version('lnbits')} read {price}")


asyncio.run(main())
