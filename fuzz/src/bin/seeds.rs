//! Writes the fuzzers' first inputs: messages and files as our own code makes them, and broken
//! ones.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::Write as _;
use std::path::Path;

use bitcoin::consensus::serialize;
use bitcoin::constants::genesis_block;
use bitcoin::hashes::Hash as _;
use bitcoin::hex::DisplayHex as _;
use bitcoin::{Block, BlockHash, Network, Txid};
use flate2::{Compression, write::GzEncoder};
use satscope_bitcoin::blk::XorKey;
use satscope_bitcoin::frame::{Frame, SequenceEvent, StandInLabels, Topic};
use satscope_bitcoin::recording::frame_line;
use satscope_fuzz::pack;
use serde_json::json;

fn main() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (target, seeds) in [
        ("zmq_frame", frames()),
        ("transaction", transactions()),
        ("recording", recordings()),
        ("rpc_answer", answers()),
        ("block_file", block_files()),
        ("pack", packs()),
        ("websocket", conversations()),
    ] {
        let folder = corpus.join(target);
        fs::create_dir_all(&folder).unwrap();
        for (number, seed) in seeds.into_iter().enumerate() {
            fs::write(folder.join(format!("seed-{number:02}")), seed).unwrap();
        }
    }
}

/// Messages that no node should send, without the long ones.
fn odd_messages() -> impl Iterator<Item = Vec<Vec<u8>>> {
    let small = |parts: &Vec<Vec<u8>>| parts.iter().all(|part| part.len() < 2000);
    satscope_standin::odd_frames(1).into_iter().filter(small)
}

fn packed(parts: &[Vec<u8>]) -> Vec<u8> {
    let with_length = |part: &Vec<u8>| [&(part.len() as u16).to_le_bytes()[..], part].concat();
    parts.iter().flat_map(with_length).collect()
}

fn sequence_bodies() -> [Vec<u8>; 4] {
    let (txid, block) = (Txid::all_zeros(), BlockHash::all_zeros());
    [
        SequenceEvent::Added(txid, 7),
        SequenceEvent::Removed(txid, u64::MAX),
        SequenceEvent::BlockConnected(block),
        SequenceEvent::BlockDisconnected(block),
    ]
    .map(SequenceEvent::encode)
}

fn own_frames() -> Vec<Frame> {
    let labels = StandInLabels {
        time: 1_700_000_000.25,
        simulated: true,
        hidden_price_usd: Some(97_350.0),
    };
    let genesis = genesis_block(Network::Regtest);
    let bodies = sequence_bodies().map(|body| (Topic::Sequence, body));
    let others = [
        (Topic::StandIn, labels.encode()),
        (Topic::RawTx, serialize(&genesis.txdata[0])),
        (Topic::RawBlock, serialize(&genesis)),
        (Topic::HashBlock, vec![1; 32]),
    ];
    let all = bodies.into_iter().chain(others);
    let frame = |(topic, body)| Frame {
        topic,
        body,
        counter: 258,
    };
    all.map(frame).collect()
}

fn frames() -> Vec<Vec<u8>> {
    let own = own_frames()
        .into_iter()
        .map(|frame| frame.into_parts().to_vec());
    own.chain(odd_messages())
        .map(|parts| packed(&parts))
        .collect()
}

fn transactions() -> Vec<Vec<u8>> {
    let own = own_frames().into_iter().map(|frame| frame.body);
    let odd = odd_messages().filter_map(|parts| parts.into_iter().nth(1));
    own.skip(5).chain(odd).collect()
}

fn recordings() -> Vec<Vec<u8>> {
    let mut text =
        String::from("{\"t\":0,\"note\":\"recording began\",\"unix_ms\":1700000000000}\n");
    for (number, frame) in own_frames().iter().enumerate() {
        text += &frame_line(number as f64 / 8.0, frame);
        text.push('\n');
    }
    let txid = Txid::all_zeros().to_string();
    let checkpoint = json!({
        "t": 5, "checkpoint": "quiet", "mempool_sequence": 7, "mempool": [&txid],
        "entries": {&txid: {"time": 1_700_000_000, "vsize": 141}}, "height": 200, "tip": &txid,
    });
    let plain = format!("{text}{checkpoint}\n");
    let members = [text.as_bytes(), checkpoint.to_string().as_bytes()]
        .map(gzip)
        .concat();
    let cut = members[..members.len() - 20].to_vec();
    let line = plain.lines().next_back().unwrap_or_default();
    vec![
        plain.clone().into_bytes(),
        members,
        cut,
        plain.as_bytes()[..plain.len() - 30].to_vec(),
        line.into(),
        b"{\"t\":1,\"zmq\":\"rawtx\",\"body\":\"ab\",\"seq\":1}\n\n{\"t\":-1,\"note\":\"x\"}\nnot json\n".to_vec(),
    ]
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn answers() -> Vec<Vec<u8>> {
    let hash = BlockHash::all_zeros().to_string();
    let raw = serialize(&genesis_block(Network::Regtest).txdata[0]).to_lower_hex_string();
    let single = |result| json!({"result": result, "error": null, "id": 0});
    let batch = |one, other| json!([{"result": one, "error": null, "id": 0}, {"result": other, "error": null, "id": 1}]);
    let refused =
        json!({"result": null, "error": {"code": -5, "message": "not in mempool"}, "id": 0});
    [
        (0, 1, single(json!({"chain": "main", "blocks": 5, "bestblockhash": hash, "initialblockdownload": true}))),
        (1, 1, single(json!({"txids": [hash], "mempool_sequence": 9}))),
        (2, 1, single(json!({"hash": hash, "height": 5, "time": 1_700_000_000, "previousblockhash": hash}))),
        (3, 2, batch(json!({"time": 1_700_000_000}), json!({"time": 5}))),
        (4, 2, batch(json!(raw), json!("00"))),
        (5, 1, single(json!([{"type": "pubrawtx", "address": "tcp://127.0.0.1:28332"}]))),
        (3, 1, json!([{"result": {"time": u64::MAX}, "id": 0}])),
        (0, 1, refused.clone()),
        (3, 1, json!([refused])),
    ]
    .map(|(kind, calls, body)| [&[kind, calls][..], body.to_string().as_bytes()].concat())
    .to_vec()
}

/// Block files behind their keys: whole ones, torn ones, reserved room, and another chain's.
fn block_files() -> Vec<Vec<u8>> {
    let chain = small_chain(4);
    let whole: Vec<u8> = chain.iter().flat_map(framed).collect();
    let (first, last) = (framed(&chain[0]), framed(&chain[3]));
    let mut other_work = first.clone();
    other_work[84] ^= 0x55;
    let files = [
        whole.clone(),
        [&last[..], &first].concat(),
        [&whole[..], &last[..150]].concat(),
        [&first[..], &last[60..], &last].concat(),
        [&last[..100], &first, &framed(&chain[1])].concat(),
        [&other_work[..], &first].concat(),
        [&[0xf9, 0xbe, 0xb4, 0xd9][..], &first[4..]].concat(),
    ];
    let keys = [[0; 8], [0x5a, 0, 0xfa, 0xbf, 0xb5, 0xda, 7, 1]];
    let masked = keys.into_iter().flat_map(|key| {
        files.clone().into_iter().map(move |mut file| {
            XorKey::new(key).apply(0, &mut file);
            // Reserved room, which no key masks.
            [&key[..], &file, &[0; 200]].concat()
        })
    });
    masked.collect()
}

/// Blocks on regtest, the first one and its descendants.
fn small_chain(count: usize) -> Vec<Block> {
    let mut chain = vec![genesis_block(Network::Regtest)];
    while chain.len() < count {
        let mut block = chain[chain.len() - 1].clone();
        block.header.prev_blockhash = block.block_hash();
        while !block.header.target().is_met_by(block.block_hash()) {
            block.header.nonce += 1;
        }
        chain.push(block);
    }
    chain
}

fn framed(block: &Block) -> Vec<u8> {
    let bytes = serialize(block);
    let magic = Network::Regtest.magic().to_bytes();
    [&magic[..], &(bytes.len() as u32).to_le_bytes(), &bytes].concat()
}

/// The first byte of a pack's changes without any of the target's bits.
const CHANGED: u8 = 4;

/// Packs as files, and as changes to a sound one: in the head, in periods and in rows.
fn packs() -> Vec<Vec<u8>> {
    let file = |bytes: &[u8]| [&[0], bytes].concat();
    let whole = pack::gzip(&pack::sound());
    let zeros = [&pack::sound()[..pack::rows_of(0)], &[0; 1 << 20]].concat();
    let mut seeds = vec![
        file(&whole),
        file(&whole[..whole.len() / 2]),
        file(&[&whole[..], b"x"].concat()),
        file(&[&whole[..], &whole].concat()),
        file(&pack::sound()[..100]),
        file(&pack::gzip(b"SATSPOCK and more")),
        file(&pack::gzip(&zeros)),
    ];
    let (first, second) = (pack::rows_of(0), pack::rows_of(1));
    let changed = |kind: u8, changes: &[(usize, u8)]| {
        let change =
            |(at, value): &(usize, u8)| [&(*at as u32).to_le_bytes()[..], &[*value]].concat();
        let changes: Vec<u8> = changes.iter().flat_map(change).collect();
        [&[kind], &changes[..]].concat()
    };
    for changes in [
        &[][..],
        // Format, length of the name, name, kind and model.
        &[(8, 2)],
        &[(10, 0)],
        &[(11, b'.')],
        &[(18, 0)],
        &[(51, 2)],
        // The second period's number is the first one's, or beyond all blocks.
        &[(second - 38, 0)],
        &[(second - 35, 0xff)],
        // Bytes that are no lock, and a lock that is too long.
        &[(first - 2, 1)],
        &[(first - 1, 0xff)],
        // Rows of the first period: payments, time, price, interval and confidence.
        &[(first + 66, 7)],
        &[(first + 39, 1)],
        &[(first + 40, 0), (first + 41, 0), (first + 42, 0)],
        &[(first + 50, 0xff)],
        &[(first + 65, 0xff)],
        // A row of the period that the history has itself.
        &[(second + 66, 7)],
    ] {
        seeds.push(changed(CHANGED, changes));
        seeds.push(changed(pack::TRUE_DIGESTS, changes));
    }
    for length in [
        0,
        20,
        pack::rows_of(0) - 38,
        second - 38,
        second + 100,
        second * 3 / 2,
    ] {
        let length = (length as u32).to_le_bytes();
        seeds.push([&[pack::RESIZED], &length[..]].concat());
    }
    seeds
}

fn conversations() -> Vec<Vec<u8>> {
    let request = |text: &str| [&[0][..], text.as_bytes()].concat();
    // Masked with zeros, so that the payload stands there as it is.
    let frame = |first: u8, payload: &[u8]| {
        [
            &[1, first, 0x80 | payload.len() as u8, 0, 0, 0, 0][..],
            payload,
        ]
        .concat()
    };
    vec![
        request(
            "GET /ws/mempool?after=7 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
        ),
        request(
            "GET /ws/mempool HTTP/1.1\r\nHost: a\r\nOrigin: http://b\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 12\r\n\r\n",
        ),
        request("GET /api/v1/price HTTP/1.1\r\nHost: a\r\nAccept: text/plain\r\n\r\n"),
        request("GET /api/v1/points?after=1&limit=2 HTTP/1.0\r\n\r\n"),
        request(
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        ),
        frame(0x81, b"hello"),
        frame(0x82, &[0; 100]),
        frame(0x01, b"in two"),
        frame(0x89, b"ping"),
        frame(0x8a, b"pong"),
        frame(0x88, &[0x03, 0xe8]),
        frame(0x88, &[0x03]),
        frame(0xf1, b"reserved bits"),
        frame(0x81, &[0xff, 0xfe]),
        vec![1, 0x82, 0xfe, 0xff, 0xff, 0, 0, 0, 0],
        vec![
            1, 0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0,
        ],
        vec![1, 0x81, 0x05, b'h', b'e', b'l', b'l', b'o'],
    ]
}
