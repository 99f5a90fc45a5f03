//! One request for each path, status and content type that the description has, and what must come back.

/// One request: what it asks, and how it is answered.
pub struct Ask {
    pub path: &'static str,
    pub query: &'static str,
    pub headers: &'static [(&'static str, &'static str)],
    pub status: u16,
    pub content_type: &'static str,
}

const fn ask(path: &'static str, status: u16, content_type: &'static str) -> Ask {
    Ask {
        path,
        query: "",
        headers: &[],
        status,
        content_type,
    }
}

const JSON: &str = "application/json";
const COLUMNS: &str = "application/vnd.satscope.points";
const CSV: &str = "text/csv";
const SVG: &str = "image/svg+xml";
const PNG: &str = "image/png";
const PROBLEM: &str = "application/problem+json";
const ANY_TAG: &[(&str, &str)] = &[("if-none-match", "*")];

const fn unchanged(path: &'static str) -> Ask {
    Ask {
        headers: ANY_TAG,
        ..ask(path, 304, "")
    }
}

/// While there is no price.
pub const NOT_YET: [Ask; 12] = [
    ask("/api/v1/price", 503, PROBLEM),
    ask("/api/v1/prices", 503, PROBLEM),
    ask("/api/rates", 503, PROBLEM),
    ask("/api/v1/points", 503, PROBLEM),
    ask("/api/v1/evidence", 503, PROBLEM),
    ask("/api/v1/historical-price", 503, PROBLEM),
    ask("/api/v1/history/coverage", 200, JSON),
    ask("/api/v1/candles", 503, PROBLEM),
    ask("/price.svg", 200, SVG),
    ask("/price.png", 200, PNG),
    ask("/readyz", 200, JSON),
    ask("/health", 200, JSON),
];

/// When there is one.
pub const THEN: [Ask; 38] = [
    ask("/api/v1/price", 200, JSON),
    Ask {
        headers: &[("accept", "text/plain")],
        ..ask("/api/v1/price", 200, "text/plain")
    },
    ask("/api/v1/prices", 200, JSON),
    ask("/api/rates", 200, JSON),
    Ask {
        query: "?storeId=X&currencyPairs=BTC_EUR,BTC_XYZ",
        ..ask("/api/rates", 200, JSON)
    },
    Ask {
        query: "?currencyPairs=x",
        ..ask("/api/rates", 400, PROBLEM)
    },
    ask("/api/v1/exchange-rates", 200, JSON),
    unchanged("/api/v1/exchange-rates"),
    ask("/api/v1/history", 200, JSON),
    Ask {
        query: "?range=1h&step=1m",
        headers: &[("accept", "text/csv")],
        ..ask("/api/v1/history", 200, "text/csv")
    },
    unchanged("/api/v1/history"),
    Ask {
        query: "?range=x",
        ..ask("/api/v1/history", 400, PROBLEM)
    },
    ask("/api/v1/points", 200, JSON),
    Ask {
        headers: &[("accept", COLUMNS)],
        ..ask("/api/v1/points", 200, COLUMNS)
    },
    Ask {
        query: "?format=csv",
        ..ask("/api/v1/points", 400, PROBLEM)
    },
    unchanged("/api/v1/points"),
    ask("/api/v1/evidence", 200, JSON),
    unchanged("/api/v1/evidence"),
    ask("/price.svg", 200, SVG),
    unchanged("/price.svg"),
    ask("/price.png", 200, PNG),
    unchanged("/price.png"),
    ask("/api/v1/stream", 200, "text/event-stream"),
    Ask {
        headers: &[("last-event-id", "x")],
        ..ask("/api/v1/stream", 400, PROBLEM)
    },
    Ask {
        headers: &HANDSHAKE,
        ..ask("/ws/mempool", 101, "")
    },
    Ask {
        query: "?after=x",
        headers: &HANDSHAKE,
        ..ask("/ws/mempool", 400, PROBLEM)
    },
    Ask {
        headers: &FROM_ELSEWHERE,
        ..ask("/ws/mempool", 403, PROBLEM)
    },
    ask("/ws/mempool", 426, PROBLEM),
    ask("/api/v1/openapi.yaml", 200, "application/yaml"),
    unchanged("/api/v1/openapi.yaml"),
    ask(
        "/api/v1/websocket-message.schema.json",
        200,
        "application/schema+json",
    ),
    unchanged("/api/v1/websocket-message.schema.json"),
    ask("/health", 200, JSON),
    ask("/healthz", 200, JSON),
    ask("/readyz", 200, JSON),
    ask("/api/v1/stream", 200, "text/event-stream"),
    misspelt("/api/v1/price"),
    misspelt("/api/v1/evidence"),
];

/// A misspelt parameter.
const fn misspelt(path: &'static str) -> Ask {
    Ask {
        query: "?form=csv",
        ..ask(path, 400, PROBLEM)
    }
}

const HANDSHAKE: [(&str, &str); 4] = [
    ("connection", "Upgrade"),
    ("upgrade", "websocket"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
];
const FROM_ELSEWHERE: [(&str, &str); 5] = [
    HANDSHAKE[0],
    HANDSHAKE[1],
    HANDSHAKE[2],
    HANDSHAKE[3],
    ("origin", "https://elsewhere.example"),
];

/// What a historian is asked for.
pub const PAST: [Ask; 22] = [
    of_past("/api/v1/history", "?range=1y", 200, JSON),
    of_past("/api/v1/history", "?range=24h&source=block", 200, JSON),
    of_past("/api/v1/history", "?height=832700", 200, JSON),
    of_past("/api/v1/history", "?from=2024-03-02&format=csv", 200, CSV),
    of_past(
        "/api/v1/history",
        "?height=832700&model=1&format=csv",
        200,
        CSV,
    ),
    of_past("/api/v1/history", "?height=5", 404, PROBLEM),
    of_past("/api/v1/history", "?from=x", 400, PROBLEM),
    of_past("/api/v1/historical-price", "", 200, JSON),
    of_past(
        "/api/v1/historical-price",
        "?timestamp=1709300000&currency=USD",
        200,
        JSON,
    ),
    of_past(
        "/api/v1/historical-price",
        "?timestamp=1709300000&fields=all",
        200,
        JSON,
    ),
    of_past(
        "/api/v1/historical-price",
        "?timestamp=5&currency=USD",
        200,
        JSON,
    ),
    of_past(
        "/api/v1/historical-price",
        "?timestamp=5&currency=EUR",
        200,
        JSON,
    ),
    of_past(
        "/api/v1/historical-price",
        "?timestamp=5&currency=XYZ",
        200,
        JSON,
    ),
    of_past("/api/v1/historical-price", "?timestamp=x", 400, PROBLEM),
    unchanged("/api/v1/historical-price"),
    of_past("/api/v1/candles", "?step=1h&from=2024-02-29", 200, JSON),
    of_past(
        "/api/v1/candles",
        "?step=1h&from=2024-02-29&format=csv",
        200,
        CSV,
    ),
    of_past("/api/v1/candles", "?step=1m", 400, PROBLEM),
    unchanged("/api/v1/candles"),
    ask("/api/v1/history/coverage", 200, JSON),
    unchanged("/api/v1/history/coverage"),
    misspelt("/api/v1/history/coverage"),
];

const fn of_past(
    path: &'static str,
    query: &'static str,
    status: u16,
    content_type: &'static str,
) -> Ask {
    Ask {
        query,
        ..ask(path, status, content_type)
    }
}

/// Where nobody may watch at all.
pub const FULL: [Ask; 3] = [
    ask("/api/v1/stream", 503, PROBLEM),
    Ask {
        headers: &HANDSHAKE,
        ..ask("/ws/mempool", 503, PROBLEM)
    },
    // An analyzer that has gone before it was asked.
    ask("/api/v1/history", 503, PROBLEM),
];

/// Where the process is about to stop.
pub const STOPPING: [Ask; 2] = [ask("/readyz", 503, JSON), ask("/health", 200, JSON)];
