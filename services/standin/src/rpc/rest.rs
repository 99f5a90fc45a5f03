//! Core's REST interface, as far as blocks go: `-rest` there, `--standin-rest` here.
//!
//! Source: Bitcoin Core, `doc/REST-interface.md` and `src/rest.cpp`. Like Core's, it has no login.

use std::str::FromStr;

use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use bitcoin::BlockHash;
use bitcoin::consensus::serialize;
use bitcoin::hashes::Hash;
use bitcoin::hex::DisplayHex;
use serde_json::json;

use super::shapes;
use crate::node::{NodeState, State};

/// The most headers of one answer, and the number if none is asked for (`src/rest.cpp`).
const MOST_HEADERS: usize = 2000;
const USUAL_HEADERS: usize = 5;

/// The answer if the thing asked for cannot be had: a status and a line of text.
type Fault = (StatusCode, String);

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Bin,
    Hex,
    Json,
}

/// Answers a GET of a path that begins with `/rest/`.
pub(super) fn answer(node: &NodeState, uri: &Uri) -> Response {
    respond(node, uri).unwrap_or_else(|(status, text)| (status, text + "\r\n").into_response())
}

fn respond(node: &NodeState, uri: &Uri) -> Result<Response, Fault> {
    let path = uri.path().trim_start_matches("/rest/");
    let (name, format) = split_format(path)?;
    let parts: Vec<&str> = name.split('/').collect();
    if node.status().state == State::Down {
        let text = "Service temporarily unavailable: Loading block index…";
        return Err((StatusCode::SERVICE_UNAVAILABLE, text.to_owned()));
    }
    match (parts.as_slice(), format) {
        (["chaininfo"], Format::Json) => {
            let info = shapes::blockchain_info(&node.chain());
            Ok(write_json(&info))
        }
        (["block", hash], Format::Bin | Format::Hex) => Ok(write(&block(node, hash)?, format)),
        (["headers", hash], Format::Bin | Format::Hex) => {
            let count = count_asked(uri.query().unwrap_or_default())?;
            Ok(write(&headers(node, count, hash)?, format))
        }
        (["headers", count, hash], Format::Bin | Format::Hex) => {
            Ok(write(&headers(node, checked_count(count)?, hash)?, format))
        }
        (["blockhashbyheight", height], _) => {
            let hash = hash_at(node, height)?;
            match format {
                Format::Bin => Ok(write(hash.as_byte_array(), format)),
                Format::Hex => Ok(format!("{hash}\n").into_response()),
                Format::Json => Ok(write_json(&json!({"blockhash": hash.to_string()}))),
            }
        }
        (["block" | "headers", ..], Format::Json) => Err(no_such_format(".bin, .hex")),
        _ => Err((StatusCode::NOT_FOUND, String::new())),
    }
}

fn split_format(path: &str) -> Result<(&str, Format), Fault> {
    let formats = [
        (".bin", Format::Bin),
        (".hex", Format::Hex),
        (".json", Format::Json),
    ];
    formats
        .into_iter()
        .find_map(|(end, format)| Some((path.strip_suffix(end)?, format)))
        .ok_or_else(|| no_such_format(".bin, .hex, .json"))
}

fn no_such_format(available: &str) -> Fault {
    let text = format!("output format not found (available: {available})");
    (StatusCode::NOT_FOUND, text)
}

/// The whole block, as it goes over the network.
fn block(node: &NodeState, hash: &str) -> Result<Vec<u8>, Fault> {
    let not_found = |what: &str| (StatusCode::NOT_FOUND, format!("{hash} {what}"));
    let found = node.chain().block(&read(hash)?);
    let (block, _) = found.ok_or_else(|| not_found("not found"))?;
    let bytes = node.whole(block).bytes();
    bytes.ok_or_else(|| not_found("not available (pruned data)"))
}

/// The header of a block of the best chain and those after it; empty for any other block.
fn headers(node: &NodeState, count: usize, hash: &str) -> Result<Vec<u8>, Fault> {
    let hash = read(hash)?;
    let chain = node.chain();
    let mut bytes = Vec::new();
    let Some((first, true)) = chain.block(&hash) else {
        return Ok(bytes);
    };
    let blocks = (first.height..).map_while(|height| chain.at_height(height));
    for header in blocks.take(count).map_while(|block| block.header) {
        bytes.extend(serialize(&header));
    }
    Ok(bytes)
}

fn count_asked(query: &str) -> Result<usize, Fault> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let count = pairs.find(|(name, _)| *name == "count");
    count.map_or(Ok(USUAL_HEADERS), |(_, count)| checked_count(count))
}

fn checked_count(text: &str) -> Result<usize, Fault> {
    let count = text.parse().ok();
    count
        .filter(|count| (1..=MOST_HEADERS).contains(count))
        .ok_or_else(|| {
            let text = format!(
                "Header count is invalid or out of acceptable range (1-{MOST_HEADERS}): {text}"
            );
            (StatusCode::BAD_REQUEST, text)
        })
}

fn hash_at(node: &NodeState, text: &str) -> Result<BlockHash, Fault> {
    let invalid = || (StatusCode::BAD_REQUEST, format!("Invalid height: {text}"));
    let height: u32 = text.parse().map_err(|_| invalid())?;
    let out_of_range = || {
        let text = "Block height out of range".to_owned();
        (StatusCode::NOT_FOUND, text)
    };
    let block = node.chain().at_height(height).ok_or_else(out_of_range)?;
    Ok(block.hash)
}

fn read(hash: &str) -> Result<BlockHash, Fault> {
    let invalid = |_| (StatusCode::BAD_REQUEST, format!("Invalid hash: {hash}"));
    BlockHash::from_str(hash).map_err(invalid)
}

fn write(bytes: &[u8], format: Format) -> Response {
    match format {
        Format::Bin => {
            let kind = [(header::CONTENT_TYPE, "application/octet-stream")];
            (kind, bytes.to_vec()).into_response()
        }
        _ => (bytes.to_lower_hex_string() + "\n").into_response(),
    }
}

fn write_json(value: &serde_json::Value) -> Response {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (kind, format!("{value}\n")).into_response()
}
