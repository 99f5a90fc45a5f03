//! Reads questions about the past from gRPC messages, and writes the answers.

use satscope_oracle::past::MODEL;
use satscope_proto::v1::{self as proto, HistorySource, get_price_at_request::At};
use tonic::Status;

use crate::{
    progress::Report,
    store::{BlockState, Candle, Coverage, Identity, Kind, Price, Source, Span},
};

/// The steps of candles, in seconds.
const CANDLE_STEPS: [u64; 3] = [3600, 86_400, 604_800];

/// The source that a question asks for.
///
/// # Errors
/// INVALID_ARGUMENT if no source has this number.
pub fn source(number: i32) -> Result<Source, Status> {
    match HistorySource::try_from(number) {
        Ok(HistorySource::Unspecified) => Ok(Source::Auto),
        Ok(HistorySource::Block) => Ok(Source::Block),
        Ok(HistorySource::Minute) => Ok(Source::Minute),
        Err(_) => Err(invalid(format!(
            "source = {number}: expected 0 (settled blocks, then minutes), 1 (blocks) or 2 (minutes)"
        ))),
    }
}

/// The moment that a question asks for.
///
/// # Errors
/// INVALID_ARGUMENT if it is missing, or if it is a height and the source is minutes.
pub fn moment(at: Option<At>, source: Source) -> Result<At, Status> {
    match (at, source) {
        (Some(At::Height(_)), Source::Minute) => Err(invalid(
            "source = 2 (minutes): a height has no minute; expected source 0 or 1, or a time",
        )),
        (Some(at), _) => Ok(at),
        (None, _) => Err(invalid(
            "at is missing: expected time (Unix seconds) or height",
        )),
    }
}

/// The span that a question asks for.
///
/// # Errors
/// INVALID_ARGUMENT if the span ends before it begins.
pub fn span(from: u64, to: u64, step: u64) -> Result<Span, Status> {
    match from <= to {
        true => Ok(Span { from, to, step }),
        false => Err(invalid(
            "to is before from: expected Unix seconds, from at most to",
        )),
    }
}

/// The step of candles that a question asks for.
///
/// # Errors
/// INVALID_ARGUMENT if no candles have this step.
pub fn candle_step(step: u64) -> Result<u64, Status> {
    match CANDLE_STEPS.contains(&step) {
        true => Ok(step),
        false => Err(invalid(format!(
            "step = {step}: expected seconds, one of {CANDLE_STEPS:?}"
        ))),
    }
}

fn invalid(what: impl Into<String>) -> Status {
    Status::invalid_argument(what)
}

/// A price as a message.
pub fn price(price: &Price) -> proto::PastPrice {
    let (source, state, height, model) = match price.kind {
        Kind::Block {
            height,
            state,
            model,
        } => (
            HistorySource::Block,
            block_state(state),
            Some(height),
            model,
        ),
        Kind::Minute => (
            HistorySource::Minute,
            proto::BlockState::Unspecified,
            None,
            0,
        ),
    };
    proto::PastPrice {
        time: price.time,
        price_cents: price.price.price_cents,
        low_cents: price.price.low_cents,
        high_cents: price.price.high_cents,
        confidence_thousandths: price.price.confidence_thousandths.into(),
        count: price.count,
        source: source.into(),
        state: state.into(),
        height,
        model,
    }
}

/// A candle as a message.
pub fn candle(candle: &Candle) -> proto::Candle {
    let Some(blocks) = candle.blocks else {
        return proto::Candle {
            time: candle.time,
            ..proto::Candle::default()
        };
    };
    proto::Candle {
        time: candle.time,
        prices: Some(proto::Span {
            open_cents: blocks.open_cents,
            high_cents: blocks.high_cents,
            low_cents: blocks.low_cents,
            close_cents: blocks.close_cents,
        }),
        blocks: blocks.blocks,
        confidence_thousandths: blocks.confidence_thousandths.into(),
        state: block_state(blocks.state).into(),
    }
}

fn block_state(state: BlockState) -> proto::BlockState {
    match state {
        BlockState::Unverified => proto::BlockState::Unverified,
        BlockState::Provisional => proto::BlockState::Provisional,
        BlockState::Settled => proto::BlockState::Settled,
        BlockState::Final => proto::BlockState::Final,
    }
}

/// The coverage as a message: the historian's report, and the contents of the open file.
pub fn coverage(
    report: &Report,
    identity: Option<&Identity>,
    simulated: bool,
    has: Option<&Coverage>,
) -> proto::Coverage {
    let nothing = Coverage::default();
    let has = has.unwrap_or(&nothing);
    let chain = report.chain.as_ref();
    let chain = chain.or(identity.map(|identity| &identity.chain));
    // Before the node has answered, only the file's contents are known.
    let (read_blocks, wanted_blocks) = match report.wanted_blocks {
        0 => (has.read, has.read),
        wanted => (report.read_blocks, wanted),
    };
    let (doing, detail) = report.shown();
    proto::Coverage {
        chain: chain.cloned().unwrap_or_default(),
        simulated,
        model: MODEL,
        tip_height: report.tip.map(|tip| tip.height),
        first_height: has.first.map(|first| first.height),
        last_height: has.last.map(|last| last.height),
        first_time: has.first.map(|first| first.time),
        last_time: has.last.map(|last| last.time),
        since_time: has.since.map(|since| since.time),
        settled_height: has.settled_height,
        final_height: has.final_height,
        blocks: has.blocks,
        minutes: has.minutes,
        read_blocks,
        wanted_blocks,
        left_seconds: report.left_seconds,
        state: doing.message().into(),
        detail: detail.to_owned(),
        first_minute: has.first_minute,
        last_minute: has.last_minute,
        unverified_blocks: has.unverified,
    }
}
