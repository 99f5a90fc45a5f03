//! A recording, played to the byte at its own pace.

use std::collections::HashMap;
use std::path::PathBuf;

use anyhow::{anyhow, bail};
use bitcoin::block::Header;
use bitcoin::consensus::Decodable;
use bitcoin::hashes::Hash;
use bitcoin::hex::FromHex;
use bitcoin::{BlockHash, Network, Txid};
use satscope_bitcoin::frame::{SequenceEvent, Topic};
use satscope_bitcoin::recording::{Checkpoint, Line, LineContent, RecordingError, Series};
use serde_json::{Map, Value};
use tokio::sync::mpsc;

use super::follow::Follower;
use crate::chain::{Block, Chain};
use crate::clock::unix_seconds;
use crate::node::State;
use crate::player::{Go, Player};

/// Records that are read ahead.
const READ_AHEAD: usize = 256;
/// The name that stands for all checkpoints.
const EVERY: &str = "every";
/// Only regtest's blocks have a target as easy as this.
const REGTEST_BITS: u32 = 0x207f_ffff;

/// A recording that was found to be good from end to end.
pub struct Recording {
    files: Vec<PathBuf>,
    stop_at: Option<String>,
    /// The results of the first look through it.
    survey: Survey,
}

/// The facts about a recording that are needed before it is played.
#[derive(Default)]
struct Survey {
    headers: HashMap<BlockHash, Header>,
    checkpoints: Vec<String>,
    /// Hash and height of the chain's tip before the first message.
    start: Option<(BlockHash, u32)>,
    /// The Unix time of the recording's start.
    base_time: Option<f64>,
    first_t: Option<f64>,
    /// The `t` at which each transaction was last added, as long as `base_time` is not known.
    added: HashMap<Txid, f64>,
}

impl Recording {
    /// Looks through a recording: the files that it was written to, in their order.
    ///
    /// # Errors
    /// The first line that cannot be read, files that hold nothing, or a `stop_at` that names no checkpoint.
    pub fn open(files: Vec<PathBuf>, stop_at: Option<String>) -> anyhow::Result<Recording> {
        let mut survey = Survey::default();
        let mut series = Series::new(files.clone());
        for record in series.by_ref() {
            survey.add(&record?);
        }
        let torn = series.take_torn();
        for torn in &torn {
            tracing::warn!("{torn}");
        }
        if survey.first_t.is_none() {
            let nothing = || anyhow!("nothing is recorded in {}", listed(&files));
            return Err(torn.into_iter().next().map_or_else(nothing, Into::into));
        }
        survey.added.clear();
        if let Some(name) = &stop_at
            && name != EVERY
            && !survey.checkpoints.contains(name)
        {
            let known = survey.checkpoints.join(", ");
            bail!("stop_at: there is no checkpoint {name:?}; expected {EVERY} or one of: {known}");
        }
        if survey.base_time.is_none() {
            survey.base_time = Some(unix_seconds()? - survey.first_t.unwrap_or_default());
        }
        Ok(Recording {
            files,
            stop_at,
            survey,
        })
    }

    /// The Unix time of its first record.
    pub fn start_time(&self) -> f64 {
        self.survey.base_time.unwrap_or_default() + self.survey.first_t.unwrap_or_default()
    }

    /// The chain before the first message.
    pub fn chain(&self) -> Chain {
        let regtest = |header: &Header| header.bits.to_consensus() == REGTEST_BITS;
        let network = if self.survey.headers.values().any(regtest) {
            Network::Regtest
        } else {
            Network::Bitcoin
        };
        let (hash, height) = self.survey.start.unwrap_or((BlockHash::all_zeros(), 0));
        Chain::new(
            network,
            Block::unseen(hash, height, self.start_time() as u32),
        )
    }

    /// Plays it all.
    ///
    /// # Errors
    /// A file that has changed since it was looked through, or a publisher that has ended.
    pub async fn play(self, player: Player) -> anyhow::Result<(Player, Go)> {
        let (records, mut queue) = mpsc::channel(READ_AHEAD);
        let series = Series::new(self.files);
        let reading = tokio::task::spawn_blocking(move || read_ahead(series, &records));
        let mut playing = Playing {
            player,
            follower: Follower::new(self.survey.headers),
            base_time: self.survey.base_time.unwrap_or_default(),
            stop_at: self.stop_at,
        };
        while let Some(record) = queue.recv().await {
            if playing.record(record?).await? == Go::Down {
                return Ok((playing.player, Go::Down));
            }
        }
        reading.await?;
        Ok((playing.player, Go::On))
    }
}

fn listed(files: &[PathBuf]) -> String {
    let names: Vec<String> = files
        .iter()
        .map(|file| file.display().to_string())
        .collect();
    names.join(", ")
}

fn read_ahead(series: Series, records: &mpsc::Sender<Result<Line, RecordingError>>) {
    for record in series {
        let failed = record.is_err();
        if records.blocking_send(record).is_err() || failed {
            return;
        }
    }
}

impl Survey {
    fn add(&mut self, record: &Line) {
        if self.first_t.is_none() {
            self.first_t = Some(record.t);
            self.base_time = record.began_ms().map(|ms| ms as f64 / 1000.0 - record.t);
        }
        match &record.event {
            LineContent::Frame(frame) if frame.topic == Topic::RawBlock => self.header(&frame.body),
            LineContent::Frame(frame)
                if frame.topic == Topic::Sequence && self.base_time.is_none() =>
            {
                if let Ok(SequenceEvent::Added(txid, _)) = SequenceEvent::decode(&frame.body) {
                    self.added.insert(txid, record.t);
                }
            }
            LineContent::Frame(_) => {}
            LineContent::Checkpoint(checkpoint) => self.checkpoint(checkpoint),
            LineContent::Note { fields, .. } => self.note(fields),
        }
    }

    fn header(&mut self, mut block: &[u8]) {
        if let Ok(header) = Header::consensus_decode(&mut block) {
            self.headers.insert(header.block_hash(), header);
        }
    }

    fn note(&mut self, fields: &Map<String, Value>) {
        let blocks = fields.get("blocks").and_then(Value::as_array);
        for block in blocks.into_iter().flatten().filter_map(Value::as_str) {
            if let Some(Ok(header)) = block.get(..160).map(Vec::from_hex) {
                self.header(&header);
            }
        }
    }

    /// Takes a checkpoint. The start is the latest that any entry time allows, because entry times are whole seconds, rounded
    /// down.
    fn checkpoint(&mut self, checkpoint: &Checkpoint) {
        self.checkpoints.push(checkpoint.name.clone());
        self.start
            .get_or_insert((checkpoint.tip, checkpoint.height));
        if self.base_time.is_none() {
            let bases = checkpoint
                .entries
                .iter()
                .filter_map(|(txid, entry)| self.added.get(txid).map(|t| entry.time as f64 - t));
            self.base_time = bases.max_by(f64::total_cmp);
        }
    }
}

/// A recording that is being played.
struct Playing {
    player: Player,
    follower: Follower,
    /// The Unix time of the recording's start; holding at a checkpoint moves it on.
    base_time: f64,
    stop_at: Option<String>,
}

impl Playing {
    async fn record(&mut self, record: Line) -> anyhow::Result<Go> {
        let time = self.base_time + record.t;
        if self.player.wait_until(time).await? == Go::Down {
            return Ok(Go::Down);
        }
        match record.event {
            LineContent::Frame(frame) => {
                self.follower
                    .observe(&mut self.player.node.chain(), &frame, time);
                let (body, counter) = (frame.body, Some(frame.counter));
                self.player
                    .publish_one(time, frame.topic, body, counter)
                    .await?;
            }
            LineContent::Checkpoint(checkpoint) => self.checkpoint(&checkpoint, time).await?,
            LineContent::Note { text, .. } => self.note(&text),
        }
        Ok(Go::On)
    }

    async fn checkpoint(&mut self, checkpoint: &Checkpoint, time: f64) -> anyhow::Result<()> {
        if let Some(difference) = difference(&self.player.node.chain(), checkpoint) {
            tracing::warn!(checkpoint = checkpoint.name, %difference, "the recorded node knew more than its messages tell");
        }
        self.player.node.chain().mempool_sequence = checkpoint.mempool_sequence;
        self.player.node.status().checkpoint = Some(checkpoint.name.clone());
        tracing::info!(checkpoint = checkpoint.name, "checkpoint reached");
        if self
            .stop_at
            .as_deref()
            .is_some_and(|name| name == EVERY || name == checkpoint.name)
        {
            self.base_time += self.player.hold(time).await?;
        }
        Ok(())
    }

    fn note(&mut self, text: &str) {
        tracing::info!(note = text, "recording");
        match text {
            "node stopped" => {
                self.follower.stopped(&mut self.player.node.chain());
                self.player.enter(State::Down);
            }
            "node started again" => self.player.enter(State::Playing),
            _ => {}
        }
    }
}

/// The first difference between a checkpoint and the chain; `None` if there is none.
fn difference(chain: &Chain, checkpoint: &Checkpoint) -> Option<anyhow::Error> {
    let missing = |txid: &&Txid| !chain.mempool.contains(txid);
    if let Some(txid) = checkpoint.mempool.iter().find(missing) {
        return Some(anyhow!("{txid} is not in the mempool"));
    }
    let (have, expected) = (chain.mempool.len(), checkpoint.mempool.len());
    if have != expected {
        return Some(anyhow!(
            "{have} transactions in the mempool; expected {expected}"
        ));
    }
    let tip = chain.tip();
    if (tip.hash, tip.height) != (checkpoint.tip, checkpoint.height) {
        return Some(anyhow!("the tip is {} at height {}", tip.hash, tip.height));
    }
    let (have, expected) = (chain.mempool_sequence, checkpoint.mempool_sequence);
    (have != expected).then(|| anyhow!("the mempool sequence is {have}; expected {expected}"))
}
