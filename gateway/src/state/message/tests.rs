//! What is written, held to the schema, to the contract, and to every field by name.

use serde_json::{Value, json as value};

use super::*;
use crate::state::freshness::{Age, Stale};

fn full() -> Current {
    Current {
        sequence: Some(42.into()),
        time_ms: Some(1_700_000_000_250),
        estimate: Some(Estimate {
            price: 50_000.5,
            confidence: 0.75,
            interval: Interval {
                low: 49_900.0,
                high: 50_100.0,
            },
            evidence: Evidence {
                payments: 321,
                margin: 1.5,
            },
            as_of_ms: 1_700_000_000_000,
            age: Age::now(1500),
            stale: Some(Stale::NoPayments),
        }),
        hops: vec![Hop {
            name: "node".to_owned(),
            state: HopState::Degraded,
            detail: "no RPC".to_owned(),
        }],
        stats: Some(Stats {
            is_counted: true,
            total_received: 1000,
            total_filtered: 400,
            active_in_window: 600,
            uptime_ms: 1,
            mempool_transactions: 900,
        }),
        simulated: Some(true),
        hidden_price_usd: Some(50_010.0),
        chain: Some("regtest".to_owned()),
        block: Some(Block {
            height: Some(800_000),
            time_ms: 1_699_999_000_000,
        }),
        history_since_ms: Some(1_699_990_000_000),
    }
}

fn point() -> Point {
    Point {
        id: "ab:1".into(),
        time_ms: 1_699_999_999_125,
        price: 50_020.0,
        value_sats: 39_984,
        round_usd: 20.0,
        state: PointState::Confirmed,
    }
}

fn written(current: &Current, news: &News<'_>) -> Value {
    serde_json::from_slice(&message(current, news)).unwrap()
}

fn full_message() -> Value {
    let point = point();
    let blocks = [Block {
        height: None,
        time_ms: 1_699_998_000_000,
    }];
    let news = News {
        reset: true,
        points: vec![&point],
        changes: &[Change {
            id: "cd:0".into(),
            state: PointState::Removed,
            spot: Some(Spot {
                time_ms: 1_699_999_998_500,
                value_sats: 40_000,
            }),
        }],
        blocks: Some(&blocks),
    };
    written(&full(), &news)
}

fn schema() -> Value {
    serde_json::from_str(include_str!("../../../websocket-message.schema.json")).unwrap()
}

/// The schema with every object closed, so that a field it does not describe is an error.
fn closed(schema: &Value) -> Value {
    match schema {
        Value::Object(fields) => {
            let mut fields: serde_json::Map<_, _> = fields
                .iter()
                .map(|(name, field)| (name.clone(), closed(field)))
                .collect();
            if fields.get("type") == Some(&value!("object")) {
                fields.insert("additionalProperties".to_owned(), value!(false));
            }
            Value::Object(fields)
        }
        Value::Array(items) => items.iter().map(closed).collect(),
        other => other.clone(),
    }
}

fn errors(schema: &Value, message: &Value) -> Vec<String> {
    let validator = jsonschema::validator_for(schema).unwrap();
    validator
        .iter_errors(message)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

/// Takes an age out of a message: it is that of the moment when it was written.
fn take_age(data: &mut Value) -> f64 {
    let age_seconds = data["age_seconds"].take();
    assert_eq!(
        data["evidence"]["newest_payment_age_seconds"].take(),
        age_seconds
    );
    age_seconds.as_f64().unwrap()
}

#[test]
fn every_field_is_written_under_its_name() {
    let mut message = full_message();
    let age_seconds = take_age(&mut message["data"]);
    assert!((1.5..60.0).contains(&age_seconds), "{age_seconds}");
    assert_eq!(
        message,
        value!({
            "type": "mempool_update",
            "data": {
                "build": *BUILD,
                "sequence": 42,
                "reset": true,
                "timestamp": 1_700_000_000.25,
                "price": 50_000.5,
                "confidence": 0.75,
                "interval": { "low": 49_900.0, "high": 50_100.0 },
                "evidence": { "payments": 321, "margin": 1.5, "newest_payment_age_seconds": null },
                "as_of": 1_700_000_000.0,
                "age_seconds": null,
                "stale": true,
                "stale_reason": "no_payments",
                "transactions": [{
                    "id": "ab:1",
                    "timestamp": 1_699_999_999.125,
                    "price": 50_020.0,
                    "value_sats": 39_984,
                    "round_usd": 20.0,
                    "state": "confirmed"
                }],
                "changes": [{
                    "id": "cd:0",
                    "state": "removed",
                    "timestamp": 1_699_999_998.5,
                    "value_sats": 40_000
                }],
                "hops": [{ "name": "node", "state": "degraded", "detail": "no RPC" }],
                "stats": {
                    "total_received": 1000,
                    "total_filtered": 400,
                    "active_in_window": 600,
                    "uptime_seconds": 0.001,
                    "mempool_transactions": 900
                },
                "simulated": true,
                "hidden_price_usd": 50_010.0,
                "chain": "regtest",
                "block": { "height": 800_000, "timestamp": 1_699_999_000.0 },
                "blocks": [{ "timestamp": 1_699_998_000.0 }],
                "history_since": 1_699_990_000.0
            }
        })
    );
}

#[test]
fn messages_conform_to_the_schema_and_have_no_field_beside_it() {
    let without_estimate = Current {
        estimate: None,
        ..full()
    };
    let without_labels = Current {
        simulated: Some(false),
        hidden_price_usd: None,
        chain: None,
        block: None,
        history_since_ms: None,
        ..full()
    };
    let fresh = Current {
        estimate: full().estimate.map(|estimate| Estimate {
            stale: None,
            ..estimate
        }),
        ..full()
    };
    let nothing = News::default();
    for message in [
        written(&fresh, &nothing),
        full_message(),
        written(&without_labels, &nothing),
        written(&without_estimate, &nothing),
        written(&Current::default(), &nothing),
    ] {
        assert_eq!(errors(&closed(&schema()), &message), [""; 0], "{message}");
    }
}

#[test]
fn the_schema_refuses_what_is_wrong() {
    let spoilt: [fn(&mut Value); 10] = [
        |message| message["type"] = value!("status"),
        |message| message["data"]["price"] = value!(0),
        |message| message["data"]["price"] = Value::Null,
        |message| message["data"]["transactions"][0]["state"] = value!("removed"),
        |message| message["data"]["stats"]["uptime_seconds"] = value!(0),
        |message| message["data"]["changes"] = Value::Null,
        |message| message["data"]["surplus"] = value!(1),
        |message| message["data"]["as_of"] = Value::Null,
        |message| message["data"]["age_seconds"] = value!(-1),
        |message| message["data"]["stale_reason"] = value!("tired"),
    ];
    for spoil in spoilt {
        let mut message = full_message();
        spoil(&mut message);
        assert_ne!(errors(&closed(&schema()), &message), [""; 0], "{message}");
    }
}

#[test]
fn every_field_of_the_schema_is_described() {
    fn undescribed(path: &str, schema: &Value, found: &mut Vec<String>) {
        let properties = schema.get("properties").and_then(Value::as_object);
        for (name, property) in properties.into_iter().flatten() {
            let path = format!("{path}.{name}");
            if property.get("description").is_none() && property.get("$ref").is_none() {
                found.push(path.clone());
            }
            undescribed(&path, property, found);
            undescribed(&path, &property["items"], found);
        }
    }
    let schema = schema();
    let mut found = Vec::new();
    undescribed("message", &schema["properties"]["type"], &mut found);
    undescribed("data", &schema["$defs"]["data"], &mut found);
    undescribed("point", &schema["$defs"]["point"], &mut found);
    undescribed("block", &schema["$defs"]["block"], &mut found);
    assert_eq!(found, [""; 0]);
}

/// The contract that was agreed beforehand; its fields may be added to and not taken from.
#[test]
fn an_update_conforms_to_the_shared_contract() {
    let data = std::env::var_os("SATSCOPE_DATA").map_or_else(
        || std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"),
        std::path::PathBuf::from,
    );
    let contract = data.join("../contract/websocket-message.schema.json");
    let Ok(contract) = std::fs::read_to_string(&contract) else {
        assert!(
            std::env::var_os("CI").is_none(),
            "{contract:?} is not there"
        );
        println!("SKIPPED: {contract:?} is not there");
        return;
    };
    let contract: Value = serde_json::from_str(&contract).unwrap();
    assert_eq!(errors(&contract, &full_message()), [""; 0]);
    let bare = written(&full(), &News::default());
    assert_eq!(errors(&contract, &bare), [""; 0]);
}

#[test]
fn numbers_of_the_wire_are_exact() {
    let text = message(&full(), &News::default());
    let text = std::str::from_utf8(&text).unwrap();
    assert!(text.contains("\"timestamp\":1700000000.25"), "{text}");
    assert!(!text.contains("null"), "{text}");
}
