CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

-- Blocks that were read; price_cents is NULL where the payments show no price.
CREATE TABLE blocks (
    height          INTEGER PRIMARY KEY,
    time            INTEGER NOT NULL,
    price_cents     INTEGER,
    low_less_cents  INTEGER,
    high_more_cents INTEGER,
    confidence      INTEGER,
    payments        INTEGER NOT NULL,
    model           INTEGER NOT NULL,
    hash            BLOB
) STRICT;

CREATE INDEX blocks_by_time ON blocks (time) WHERE price_cents IS NOT NULL;

-- Periods of 2016 blocks; state 0 is open, 1 final.
CREATE TABLE periods (
    period    INTEGER PRIMARY KEY,
    state     INTEGER NOT NULL,
    model     INTEGER NOT NULL,
    disputed  INTEGER NOT NULL,
    blocks    INTEGER NOT NULL,
    priced    INTEGER NOT NULL,
    lock      BLOB NOT NULL,
    digest    BLOB,
    last_hash BLOB
) STRICT;

-- The node's best block.
CREATE TABLE tip (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    height INTEGER NOT NULL,
    hash   BLOB NOT NULL
) STRICT;

CREATE TABLE minutes (
    minute            INTEGER PRIMARY KEY,
    close_cents       INTEGER NOT NULL,
    open_more_cents   INTEGER NOT NULL,
    high_more_cents   INTEGER NOT NULL,
    low_less_cents    INTEGER NOT NULL,
    upper_more_cents  INTEGER NOT NULL,
    lower_less_cents  INTEGER NOT NULL,
    confidence        INTEGER NOT NULL,
    samples           INTEGER NOT NULL
) STRICT;

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
        WHEN periods.state = 1 THEN 'final'
        WHEN blocks.height + 18 <= (SELECT height FROM tip) THEN 'settled'
        ELSE 'provisional'
    END AS state,
    blocks.model
FROM blocks LEFT JOIN periods ON periods.period = blocks.height / 2016
WHERE blocks.price_cents IS NOT NULL;

CREATE VIEW minute_prices AS
SELECT
    minute * 60 AS time,
    datetime(minute * 60, 'unixepoch') AS utc,
    (close_cents + open_more_cents) / 100.0 AS open_usd,
    (close_cents + high_more_cents) / 100.0 AS high_usd,
    (close_cents - low_less_cents) / 100.0 AS low_usd,
    close_cents / 100.0 AS close_usd,
    (close_cents - lower_less_cents) / 100.0 AS interval_low_usd,
    (close_cents + upper_more_cents) / 100.0 AS interval_high_usd,
    confidence / 1000.0 AS confidence,
    samples
FROM minutes;
