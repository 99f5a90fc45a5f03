//! Messages that a client sends over its socket: too large, too many, compressed, or no text.

use tokio_tungstenite::tungstenite::{
    Message,
    protocol::frame::{
        Frame, FrameHeader,
        coding::{CloseCode, Data, OpCode},
    },
};

use super::{Bystander, counted};
use crate::support::{
    client::Client,
    metric,
    raw::{Raw, status},
};

fn closed_for(reason: &str) -> String {
    format!("satscope_gateway_watchers_closed_total{{transport=\"websocket\",reason=\"{reason}\"}}")
}

#[tokio::test]
async fn what_a_client_says_is_passed_over_unless_it_is_too_much() {
    let (gateway, mut bystander) = Bystander::of(&[]).await;
    let good = &mut bystander.client;
    good.send(Message::text("x".repeat(1024))).await;
    good.send(Message::binary(vec![0; 1024])).await;
    good.send(Message::Ping(vec![7; 125].into())).await;
    let before = metric(&closed_for("too_large")).await;
    let mut large = Client::connect(gateway.address, "").await;
    large.send(Message::text("x".repeat(1025))).await;
    assert_eq!(large.closed().await.unwrap().code, CloseCode::Size);
    // The head of a frame of a terabyte: it is refused for what it says, and not waited for.
    let mut boast = Client::connect(gateway.address, "").await;
    let boasting = [0x82, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 1, 2, 3, 4];
    boast.send_raw(&boasting).await;
    assert_eq!(boast.closed().await.unwrap().code, CloseCode::Size);
    counted(&closed_for("too_large"), before + 1.0).await;
    bystander.saw_nothing().await;
}

#[tokio::test]
async fn a_flood_is_cut_off() {
    let (gateway, bystander) = Bystander::of(&[]).await;
    let before = metric(&closed_for("too_many")).await;
    for message in [
        Message::Ping(Vec::new().into()),
        Message::Pong(Vec::new().into()),
        Message::text("hello"),
        Message::binary(vec![0; 20]),
    ] {
        let mut flooding = Client::connect(gateway.address, "").await;
        for _ in 0..20 {
            flooding.feed(message.clone()).await;
        }
        let farewell = flooding.closed().await.unwrap();
        assert_eq!(farewell.code, CloseCode::Policy, "{message:?}");
        assert!(!farewell.reason.is_empty());
    }
    counted(&closed_for("too_many"), before + 3.0).await;
    // Frames that never add up to a message: the first of a text, and then its continuations, each of them empty.
    let mut endless = Client::connect(gateway.address, "").await;
    endless.send_raw(&[0x01, 0x80, 0, 0, 0, 0]).await;
    let nothing = [0x00, 0x80, 0, 0, 0, 0].repeat(1000);
    while endless.try_send_raw(&nothing).await {}
    counted(&closed_for("too_many"), before + 4.0).await;
    bystander.saw_nothing().await;
}

/// Compression is not spoken here: neither a socket nor a request can hold a bomb.
#[tokio::test]
async fn what_is_compressed_is_not_unpacked() {
    let (gateway, bystander) = Bystander::of(&[]).await;
    let before = metric(&closed_for("bad_frame")).await;
    let offered = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
    let mut raw = Raw::connect(gateway.address).await;
    let head = raw.handshake(offered).await;
    assert_eq!(status(&head), "101");
    let head = head.to_ascii_lowercase();
    assert!(!head.contains("sec-websocket-extensions"), "{head}");

    let mut bomb = Client::connect(gateway.address, "").await;
    let compressed = Frame::from_payload(
        FrameHeader {
            rsv1: true,
            mask: Some([1, 2, 3, 4]),
            opcode: OpCode::Data(Data::Text),
            ..FrameHeader::default()
        },
        vec![0; 1000].into(),
    );
    bomb.send(Message::Frame(compressed)).await;
    assert_eq!(bomb.closed().await.unwrap().code, CloseCode::Protocol);
    counted(&closed_for("bad_frame"), before).await;

    let mut raw = Raw::connect(gateway.address).await;
    raw.send(b"POST /api/v1/price HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 1000000000\r\n\r\n\x1f\x8b")
        .await;
    assert_eq!(status(&raw.rest().await), "405");
    bystander.saw_nothing().await;
}

#[tokio::test]
async fn text_must_be_utf_8() {
    let (gateway, bystander) = Bystander::of(&[]).await;
    let before = metric(&closed_for("not_text")).await;
    let mut client = Client::connect(gateway.address, "").await;
    let text = OpCode::Data(Data::Text);
    let mut frame = Frame::message(&b"\xc3\x28 \xff"[..], text, true);
    frame.header_mut().mask = Some([0; 4]);
    client.send(Message::Frame(frame)).await;
    assert_eq!(client.closed().await.unwrap().code, CloseCode::Invalid);
    counted(&closed_for("not_text"), before).await;
    bystander.saw_nothing().await;
}
