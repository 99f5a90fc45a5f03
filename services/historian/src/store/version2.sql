-- The origin of a period's rows: 0 the node's blocks, 1 a pack whose hash was expected, 2 a pack that was not vouched for.
ALTER TABLE periods ADD COLUMN trust INTEGER NOT NULL DEFAULT 0;

DROP VIEW block_prices;

CREATE VIEW block_prices AS
SELECT
    blocks.height,
    blocks.time,
    datetime(blocks.time, 'unixepoch') AS utc,
    blocks.price_cents / 100.0 AS price_usd,
    (blocks.price_cents - blocks.low_less_cents) / 100.0 AS low_usd,
    (blocks.price_cents + blocks.high_more_cents) / 100.0 AS high_usd,
    CASE WHEN periods.disputed THEN min(blocks.confidence, 490) ELSE blocks.confidence END / 1000.0 AS confidence,
    blocks.payments,
    CASE
        WHEN periods.trust = 2 THEN 'unverified'
        WHEN periods.state = 1 THEN 'final'
        WHEN blocks.height + 18 <= (SELECT height FROM tip) THEN 'settled'
        ELSE 'provisional'
    END AS state,
    blocks.model
FROM blocks LEFT JOIN periods ON periods.period = blocks.height / 2016
WHERE blocks.price_cents IS NOT NULL;
